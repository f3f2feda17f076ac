package metalog

import (
	"errors"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// noted is a journal of a replica that keeps its last note and can be made to fail.
type noted struct {
	note    string
	commits []int // commands, by commit
	fails   error
	closed  int
}

func (n *noted) Commit(_ *metadata.Image, _ []metadata.Entity, commands int, note []byte) error {
	if n.fails == nil {
		n.note, n.commits = string(note), append(n.commits, commands)
	}
	return n.fails
}

func (n *noted) Replace(_ *metadata.Image, note []byte) error {
	if n.fails == nil {
		n.note = string(note)
	}
	return n.fails
}

func (n *noted) Ready() error                { return n.fails }
func (n *noted) Sync() error                 { return n.fails }
func (n *noted) Close(*metadata.Image) error { n.closed++; return nil }

func TestAReplicaCommitsABatchWithItsNoteAndThenShowsIt(t *testing.T) {
	j := &noted{}
	r := NewReplica(new(metadata.Image), nil, j)
	b := r.Begin()
	for range 3 {
		if _, err := b.Apply(one); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Apply(metadata.DeleteTopic{}); !errors.Is(err, fault.UnknownTopicID) {
		t.Errorf("Apply() = %v", err)
	}
	if r.Image().Index() != 0 {
		t.Error("the batch shows before it was committed")
	}
	if err := r.Commit(b, []byte("four")); err != nil || r.Image().Index() != 3 || string(r.Note()) != "four" ||
		j.note != "four" {
		t.Errorf("Commit() = %v; index %d, note %q, in the journal %q", err, r.Image().Index(), r.Note(), j.note)
	}
	before, b := r.Image(), r.Begin()
	_, _ = b.Apply(metadata.DeleteTopic{})
	if err := r.Commit(b, []byte("five")); err != nil || r.Image() != before || j.note != "five" {
		t.Errorf("Commit() of a refusal = %v, image changed: %t, note %q", err, r.Image() != before, j.note)
	}
}

func TestAReplicaShowsWhatReplacesItsImage(t *testing.T) {
	j := &noted{}
	r := NewReplica(new(metadata.Image), nil, j)
	next, _, err := metadata.Apply(r.Image(), one)
	if err != nil {
		t.Fatal(err)
	}
	for img := range r.Watch(t.Context()) {
		if img == next {
			break
		}
		if err := r.Replace(next, []byte("n")); err != nil || j.note != "n" || string(r.Note()) != "n" {
			t.Errorf("Replace() = %v, note %q, in the journal %q", err, r.Note(), j.note)
		}
	}
}

func TestAReplicaTakesNothingAfterAFailure(t *testing.T) {
	for name, fail := range map[string]func(r *Replica) error{
		"commit":  func(r *Replica) error { return r.Commit(r.Begin(), nil) },
		"replace": func(r *Replica) error { return r.Replace(new(metadata.Image), nil) },
		"sync":    (*Replica).Sync,
	} {
		t.Run(name, func(t *testing.T) {
			broken := errors.New("input/output error")
			j := &noted{fails: broken}
			r := NewReplica(new(metadata.Image), nil, j)
			err := fail(r)
			j.fails = nil
			for _, err := range []error{err, r.Commit(r.Begin(), nil), r.Replace(new(metadata.Image), nil), r.Sync()} {
				if !errors.Is(err, fault.KafkaStorageError) || !errors.Is(err, broken) {
					t.Errorf("after the failure: %v", err)
				}
			}
			if len(j.commits) != 0 {
				t.Errorf("commits after the failure: %v", j.commits)
			}
		})
	}
}

func TestAReplicaSaysWhenItShouldTakeNoMore(t *testing.T) {
	full := errors.New("the disk is nearly full")
	j := &noted{fails: full}
	r := NewReplica(new(metadata.Image), nil, j)
	if err := r.Ready(); !errors.Is(err, fault.KafkaStorageError) || !errors.Is(err, full) {
		t.Errorf("Ready() = %v", err)
	}
	j.fails = nil
	if err := errors.Join(r.Ready(), r.Commit(r.Begin(), nil)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestCloseEndsTheWatchersOfAReplica(t *testing.T) {
	j := &noted{}
	r := NewReplica(new(metadata.Image), nil, j)
	for range r.Watch(t.Context()) {
		for range 2 {
			if err := r.Close(); err != nil {
				t.Errorf("Close() = %v", err)
			}
		}
	}
	if j.closed != 1 {
		t.Errorf("the journal was closed %d times", j.closed)
	}
}
