package raftmeta

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a journal that keeps what it was given as bytes, and outlives the store.
type disk struct {
	mu    sync.Mutex
	image []byte
	note  []byte
	fails error
	full  error
}

func (d *disk) Commit(img *metadata.Image, _ []metadata.Entity, _ int, note []byte) error {
	return d.Replace(img, note)
}

func (d *disk) Replace(img *metadata.Image, note []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails != nil {
		return d.fails
	}
	var out bytes.Buffer
	d.note = slices.Clone(note)
	err := metadata.EncodeImage(&out, img)
	d.image = out.Bytes()
	return err
}

func (d *disk) Ready() error                { return d.full }
func (d *disk) Sync() error                 { return d.fails }
func (d *disk) Close(*metadata.Image) error { return nil }

// open returns the store with what the disk holds.
func (d *disk) open(t *testing.T) *metalog.Replica {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	img := new(metadata.Image)
	if d.image != nil {
		var err error
		if img, err = metadata.DecodeImage(bytes.NewReader(d.image)); err != nil {
			t.Fatal(err)
		}
	}
	return metalog.NewReplica(img, slices.Clone(d.note), d)
}

var errRefused = errors.New("no leader")

// agreement is a Raft group that agrees at once, in one process: a log, and the replicas that apply it.
type agreement struct {
	mu       sync.Mutex
	entries  [][]byte
	replicas []*replica
	leader   int32
	// fault may make a proposal fail: it returns how often the proposal gets into the log, and the proposer's error.
	fault func(data []byte) (times int, err error)
}

// replica is a Group.
type replica struct {
	group   *agreement
	node    int32
	machine *Machine
	lags    bool // it applies nothing until it catches up
	closed  bool
}

// start returns the Start of a node's replica. It applies what it has missed.
func (a *agreement) start(node int32) Start {
	return func(_ context.Context, m *Machine) (Group, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		r := &replica{group: a, node: node, machine: m}
		a.replicas = append(a.replicas, r)
		return r, r.catchUp()
	}
}

// catchUp is called with the lock held.
func (r *replica) catchUp() error {
	if r.lags || r.closed || r.machine.Applied() >= uint64(len(r.group.entries)) {
		return nil
	}
	return r.machine.Update(func(yield func(uint64, []byte) bool) {
		for n := r.machine.Applied(); n < uint64(len(r.group.entries)); n++ {
			if !yield(n+1, r.group.entries[n]) {
				return
			}
		}
	})
}

func (r *replica) Propose(ctx context.Context, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a := r.group
	a.mu.Lock()
	defer a.mu.Unlock()
	times, answer := 1, error(nil)
	if a.fault != nil {
		times, answer = a.fault(data)
	}
	if r.closed || a.leader < 0 {
		return errRefused
	}
	for range times {
		a.entries = append(a.entries, slices.Clone(data))
		for _, other := range a.replicas {
			if err := other.catchUp(); err != nil {
				return err
			}
		}
	}
	return answer
}

func (r *replica) Barrier(ctx context.Context) error {
	a := r.group
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.closed || a.leader < 0:
		return errRefused
	}
	return r.catchUp()
}

func (r *replica) Leadership() (node int32, term uint64, ok bool) {
	r.group.mu.Lock()
	defer r.group.mu.Unlock()
	return r.group.leader, 1, r.group.leader >= 0
}

func (r *replica) Close() error {
	r.group.mu.Lock()
	defer r.group.mu.Unlock()
	r.closed = true
	return nil
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// member is a node of an agreement, with its disk.
type member struct {
	*Store
	disk *disk
}

func settingsOf(node int32, boot uint64) Settings {
	set := DefaultSettings(node, boot, [16]byte{byte(node), 1})
	set.Attempt = 50 * time.Millisecond
	return set
}

// join opens a node over a disk.
func (a *agreement) join(t *testing.T, set Settings, d *disk) *member {
	t.Helper()
	s, err := Open(t.Context(), set, d.open(t), a.start(set.NodeID), discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return &member{s, d}
}

// nodes opens that many new nodes.
func (a *agreement) nodes(t *testing.T, size int) []*member {
	t.Helper()
	all := make([]*member, size)
	for n := range all {
		all[n] = a.join(t, settingsOf(int32(n), 1), new(disk))
	}
	return all
}

func (a *agreement) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// dump returns an image in its human-readable form.
func dump(t *testing.T, img *metadata.Image) string {
	t.Helper()
	var text bytes.Buffer
	if err := metadata.Dump(&text, img); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

var oneID = metadata.AllocateProducerIDs{Count: 1}

// allocate applies a command that shows when it is applied twice.
func allocate(t *testing.T, s *Store) metadata.Result {
	t.Helper()
	got, err := s.Apply(t.Context(), oneID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
