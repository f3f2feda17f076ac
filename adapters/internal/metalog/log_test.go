package metalog

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a journal that keeps nothing, counts, and can be made to wait or to fail.
type memory struct {
	commits []int // commands, by commit
	waiting chan struct{}
	proceed chan struct{} // nil: at once
	fail    func() error
	closed  int
	closes  error
}

func (m *memory) Commit(img *metadata.Image, changed []metadata.Entity, commands int) error {
	if m.proceed != nil {
		m.waiting <- struct{}{}
		<-m.proceed
	}
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	m.commits = append(m.commits, commands)
	return nil
}

func (m *memory) Close(*metadata.Image) error { m.closed++; return m.closes }

func newLog(t *testing.T, j Journal, s Settings) *Log {
	t.Helper()
	l := New(new(metadata.Image), j, s)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

var one = metadata.AllocateProducerIDs{Count: 1}

// TestCommandsThatWaitShareACommit blocks the first commit until all others wait.
func TestCommandsThatWaitShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{waiting: make(chan struct{}), proceed: make(chan struct{})}
		l := newLog(t, j, Settings{})
		var wg sync.WaitGroup
		apply := func() {
			if _, err := l.Apply(t.Context(), one); err != nil {
				t.Error(err)
			}
		}
		wg.Go(apply)
		<-j.waiting
		for range 600 {
			wg.Go(apply)
		}
		synctest.Wait() // all but the first are in the queue or at its door
		close(j.proceed)
		for range 3 {
			<-j.waiting
		}
		wg.Wait()
		if want := []int{1, 256, 256, 88}; !slices.Equal(j.commits, want) {
			t.Errorf("commits of %v commands, want %v", j.commits, want)
		}
	})
}

func TestLingerWaitsForTheBatchButNotForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{}
		l := newLog(t, j, Settings{Gather: 3, Linger: 10 * time.Millisecond})
		began := time.Now()
		if _, err := l.Apply(t.Context(), one); err != nil || time.Since(began) != 10*time.Millisecond {
			t.Errorf("a lone command took %v (%v)", time.Since(began), err)
		}
		began = time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := l.Apply(t.Context(), one); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if time.Since(began) != 0 || !slices.Equal(j.commits, []int{1, 3}) {
			t.Errorf("three commands took %v in commits of %v", time.Since(began), j.commits)
		}
	})
}

func TestAFailedJournalTakesNothingMore(t *testing.T) {
	broken := errors.New("input/output error")
	j := &memory{fail: func() error { return broken }}
	l := newLog(t, j, Settings{})
	before := l.Image()
	if err := l.Err(); err != nil {
		t.Errorf("Err() = %v before the failure", err)
	}
	for range 2 {
		_, err := l.Apply(t.Context(), one)
		if !errors.Is(l.Err(), broken) {
			t.Errorf("Err() = %v", l.Err())
		}
		if !errors.Is(err, fault.KafkaStorageError) || !errors.Is(err, broken) || l.Image() != before {
			t.Errorf("Apply() = %v, image changed: %t", err, l.Image() != before)
		}
		j.fail = nil
	}
	if len(j.commits) != 0 {
		t.Errorf("commits after the failure: %v", j.commits)
	}
}

func TestWhatWasNotTriedMayBeTriedAgain(t *testing.T) {
	j := &memory{fail: func() error { return ErrNotTried }}
	l := newLog(t, j, Settings{})
	if _, err := l.Apply(t.Context(), one); !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("Apply() = %v", err)
	}
	j.fail = nil
	if got, err := l.Apply(t.Context(), one); err != nil || got.Index != 1 || l.Err() != nil {
		t.Errorf("Apply() afterwards = %+v, %v, and Err() = %v", got, err, l.Err())
	}
}

func TestARefusedCommandIsNotCommitted(t *testing.T) {
	j := &memory{}
	l := newLog(t, j, Settings{})
	if _, err := l.Apply(t.Context(), metadata.DeleteTopic{}); !errors.Is(err, fault.UnknownTopicID) {
		t.Errorf("Apply() = %v", err)
	}
	if len(j.commits) != 0 {
		t.Errorf("commits: %v", j.commits)
	}
}

// TestARefusalIsNotAnsweredBeforeWhatItDependsOnIsDurable: the second command is refused because of the first, whose
// commit then fails.
func TestARefusalIsNotAnsweredBeforeWhatItDependsOnIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{fail: func() error { return ErrNotTried }}
		l := newLog(t, j, Settings{Gather: 2, Linger: time.Second})
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := l.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 1<<63 - 1}) // there is one such block
				errs <- err
			}()
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, fault.KafkaStorageError) {
				t.Errorf("Apply() = %v", err)
			}
		}
	})
}

func TestApplyReturnsWhenItsContextEndsDuringTheCommit(t *testing.T) {
	j := &memory{waiting: make(chan struct{}), proceed: make(chan struct{})}
	l := newLog(t, j, Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := l.Apply(ctx, one)
		done <- err
	}()
	<-j.waiting
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Apply() = %v", err)
	}
	close(j.proceed)
	for img := range l.Watch(t.Context()) {
		if img.Index() == 1 { // it was applied all the same
			break
		}
	}
}

func TestCloseEndsTheJournalOnceAndReturnsItsError(t *testing.T) {
	j := &memory{closes: errors.New("no")}
	l := New(new(metadata.Image), j, Settings{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := l.Close(); !errors.Is(err, j.closes) {
				t.Errorf("Close() = %v", err)
			}
		})
	}
	wg.Wait()
	if j.closed != 1 {
		t.Errorf("the journal was closed %d times", j.closed)
	}
}

// TestALargeBatchIsCutIntoCommits: what one commit takes is bounded in bytes, too.
func TestALargeBatchIsCutIntoCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &memory{waiting: make(chan struct{}), proceed: make(chan struct{})}
		l := newLog(t, j, Settings{})
		var wg sync.WaitGroup
		apply := func(name string) {
			cmd := metadata.AlterConfigs{
				Type: metadata.ResourceGroup, Name: name, Set: map[string]string{"consumer.session.timeout.ms": "50000"},
			}
			if _, err := l.Apply(t.Context(), cmd); err != nil {
				t.Error(err)
			}
		}
		wg.Go(func() { apply("first") })
		<-j.waiting
		for n := range 40 {
			name := make([]byte, 30_000)
			for i := range name {
				name[i] = 'a' + byte(n)%26
			}
			name[0] = byte('A' + n/26)
			wg.Go(func() { apply(string(name)) })
		}
		synctest.Wait()
		close(j.proceed)
		go func() {
			for range j.waiting {
			}
		}()
		wg.Wait()
		close(j.waiting)
		for _, commands := range j.commits {
			if commands*30_000 > maxBytes+40_000 {
				t.Errorf("a commit of %d commands with 30,000 bytes each", commands)
			}
		}
		if len(j.commits) < 3 {
			t.Errorf("commits: %v", j.commits)
		}
	})
}
