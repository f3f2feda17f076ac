// Package metalog orders metadata commands. It is what the stores that keep metadata on this node have in common; each
// of them is a Journal.
//
// Log is for a broker alone: one committer decides commands against the newest image and passes all that are waiting to
// the Journal, which makes them durable in one commit. Only then are they answered and the image published. Replica is
// for a node of a cluster: the order of commands was agreed on elsewhere, and its caller commits. Neither continues
// after a commit whose outcome on disk is unknown.
package metalog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Journal makes the images that follow one another durable. A Log calls it from one goroutine.
type Journal interface {
	// Commit makes img durable atomically. changed holds every entity that differs from the image committed before,
	// once; commands is the number of commands in between. After an error nothing more is committed, because the state
	// on disk is unknown, unless the error is ErrNotTried.
	Commit(img *metadata.Image, changed []metadata.Entity, commands int) error
	// Close is the last call; img was committed last.
	Close(img *metadata.Image) error
}

// ErrNotTried is in the chain of a Journal's error when nothing was written and a later Commit may succeed.
var ErrNotTried = errors.New("not tried")

// Settings say how a Log works.
type Settings struct {
	NodeID int32 // this node's broker id
	// Gather is how many commands a commit waits for, and Linger for how long at most. With Gather 1 or Linger 0 it
	// waits for none and takes those that are queued.
	Gather int
	Linger time.Duration
}

// Log applies commands durably, in one order. It implements ports.MetadataStore. Its zero value is not usable.
type Log struct {
	feed
	settings Settings
	journal  Journal
	queue    chan *request
	closing  chan struct{}
	close    func() error                // ends the committer and the journal, once
	failure  atomic.Pointer[fault.Error] // of the journal, which commits nothing more; set by the committer
}

var _ ports.MetadataStore = (*Log)(nil)

type request struct {
	cmd   metadata.Command
	reply chan reply // buffers the one reply
}

type reply struct {
	result metadata.Result
	err    error
}

// New returns a running Log that continues from img, which journal holds already. Close ends it.
func New(img *metadata.Image, journal Journal, settings Settings) *Log {
	l := &Log{
		feed:     newFeed(img),
		settings: settings,
		journal:  journal,
		queue:    make(chan *request, maxCommands),
		closing:  make(chan struct{}),
	}
	l.close = sync.OnceValue(func() error {
		close(l.closing)
		<-l.ended
		return l.journal.Close(l.Image())
	})
	go l.run()
	return l
}

// Apply implements ports.MetadataStore. It returns fault.KafkaStorageError when the journal has failed,
// now or before, and fault.NotController when the log is closed.
func (l *Log) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	if err := ctx.Err(); err != nil {
		return metadata.Result{}, err
	}
	r := &request{cmd: cmd, reply: make(chan reply, 1)}
	select {
	case <-l.closing: // checked first, because the queue may have room after the end
		return metadata.Result{}, errClosed()
	default:
	}
	select {
	case l.queue <- r:
	case <-ctx.Done():
		return metadata.Result{}, ctx.Err()
	case <-l.closing:
		return metadata.Result{}, errClosed()
	}
	select {
	case got := <-r.reply:
		return got.result, got.err
	case <-ctx.Done():
		return metadata.Result{}, ctx.Err()
	case <-l.ended:
	}
	select {
	case got := <-r.reply: // the committer's last commit
		return got.result, got.err
	default:
		return metadata.Result{}, errClosed()
	}
}

// Err returns why no command can be committed any more, nil while they can. Only a restart helps then.
func (l *Log) Err() error {
	if failed := l.failure.Load(); failed != nil {
		return failed
	}
	return nil
}

// Barrier implements ports.MetadataStore: a single node's image is never behind.
func (l *Log) Barrier(ctx context.Context) error {
	select {
	case <-l.closing:
		return errClosed()
	default:
		return ctx.Err()
	}
}

// Leadership implements ports.MetadataStore: this node leads itself.
func (l *Log) Leadership() ports.Leadership {
	return ports.Leadership{Local: true, NodeID: l.settings.NodeID}
}

// Close ends the log and its journal. Commands that wait and are not decided yet are refused.
func (l *Log) Close() error { return l.close() }

func errClosed() error { return fault.New(fault.NotController, "the metadata store is closed") }

// run is the committer.
func (l *Log) run() {
	defer close(l.ended)
	for {
		select {
		case <-l.closing:
			return
		case first := <-l.queue:
			for batch := l.gather(first); len(batch) > 0; {
				batch = batch[l.commit(batch):]
			}
		}
	}
}

// gather returns first and the requests that share its commit.
func (l *Log) gather(first *request) []*request {
	batch := []*request{first}
	if l.settings.Linger > 0 && l.settings.Gather > 1 {
		timer := time.NewTimer(l.settings.Linger)
		defer timer.Stop()
	lingering:
		for len(batch) < min(l.settings.Gather, maxCommands) {
			select {
			case r := <-l.queue:
				batch = append(batch, r)
			case <-timer.C:
				break lingering
			case <-l.closing:
				break lingering
			}
		}
	}
	for len(batch) < maxCommands {
		select {
		case r := <-l.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit decides requests from the front, commits what was allowed, answers them, and returns how many they were.
func (l *Log) commit(requests []*request) int {
	replies := make([]reply, 0, len(requests))
	batch := newBatch(l.Image())
	for _, r := range requests {
		if batch.Full() {
			break
		}
		result, err := batch.Apply(r.cmd)
		replies = append(replies, reply{result, err})
	}
	if err := l.persist(batch); err != nil {
		for n := range replies { // refusals, too: they were decided against an image that is not durable
			replies[n] = reply{err: err}
		}
	}
	for n, got := range replies {
		requests[n].reply <- got
	}
	return len(replies)
}

// persist commits the batch and publishes its image.
func (l *Log) persist(b *Batch) error {
	if err := l.Err(); err != nil {
		return err
	}
	if b.commands == 0 {
		return nil
	}
	if err := l.journal.Commit(b.img, b.entities(), b.commands); err != nil {
		failed := fault.New(fault.KafkaStorageError, "commit metadata: %w", err)
		if !errors.Is(err, ErrNotTried) {
			l.failure.Store(failed)
		}
		return failed
	}
	l.publish(b.img)
	return nil
}
