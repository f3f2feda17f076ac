package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// Log is a log that commits through the journal. Take, Write and Done are called by the committing goroutine, in this
// order; Sync may be called by another at the same time.
type Log interface {
	// Take returns what was appended since the last Take. The bytes must not change until Done. A log that has failed, or
	// whose records before the chunk are neither in the journal nor synced, must return a Volatile chunk: a replay could
	// not apply what does not follow.
	Take() Chunk
	// Write writes the chunk to the log's own files, without a sync.
	Write() error
	// Sync makes durable what Write has written. Once it has failed it must go on failing: what the kernel has dropped
	// then looks clean to the next sync.
	Sync() error
	// Done says that the chunk is durable, or that it is not known to be and never will.
	Done(err error)
}

// Chunk is what one log has to commit: batches with consecutive offsets.
type Chunk struct {
	ID         ports.LogID
	BaseOffset int64
	Previous   int64 // end of the log before the chunk
	Batches    []record.Batch
	Bytes      int
	Volatile   bool // not to be journaled or synced: the log sees to its durability, or has failed
}

// Options are the journal's settings. FileBytes is required; other zero values take the defaults.
type Options struct {
	FileBytes   int64 // size of a journal file
	MaxFiles    int   // files in use at the most; appends wait when all are full; less than 2 stands for 2
	DirectBytes int   // mean chunk size from which a group goes around the journal: 512 KiB; <0: never
	DirectLogs  int   // logs that a group around the journal may have, each costs a sync: 8
	Log         *slog.Logger
	Spare       func(bytes int64) bool // whether a further file may be made, beside the first two; nil: always
	Freeing     func() error           // called before a file is freed, when its logs have synced; may be nil
	Synced      func(time.Duration)    // called with the duration of each commit's sync; may be nil
}

func (o Options) withDefaults() Options {
	o.MaxFiles = max(o.MaxFiles, fewestFiles)
	if o.DirectBytes == 0 {
		o.DirectBytes = 512 << 10
	}
	if o.DirectLogs == 0 {
		o.DirectLogs = 8
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Freeing == nil {
		o.Freeing = func() error { return nil }
	}
	if o.Spare == nil {
		o.Spare = func(int64) bool { return true }
	}
	if o.Synced == nil {
		o.Synced = func(time.Duration) {}
	}
	return o
}

// Journal is an open journal. Its methods may be called concurrently.
type Journal struct {
	opt Options

	mu      sync.Mutex
	arrived sync.Cond // the queue is not empty, or the journal closes
	queue   []Log     // logs with something to commit, in the order of their arrival
	closing bool
	failed  error // why nothing is journaled any more; set by the committer

	groups atomic.Uint64 // number of the last group

	// The committer's own.
	spare     []Log
	group     []member
	bytes     int // in group, to be journaled
	journaled int // members of group that are to be journaled
	headers   []byte
	vector    [][]byte
	writes    chan write
	written   chan error

	files         *files
	syncs         atomic.Int64
	committing    sync.WaitGroup // the committer and the writer
	checkpointing sync.WaitGroup
}

// Open replays what the journal in dir holds, oldest first, and opens it. The replay calls apply for each entry, and
// then finish: when that has returned, all entries must be durable in the logs' own files, and the journal uses its
// space again. It carries over the entries of the logs that finish returns; see Carried. A torn tail, which was never
// acknowledged, ends the replay; damage to a header before intact newer entries is an error.
func Open(
	fs disk.FS, dir string, opt Options, apply func(Entry) error, finish func() (map[ports.LogID]error, error),
) (*Journal, error) {
	if opt.FileBytes <= 0 {
		return nil, fmt.Errorf("journal: files of %d bytes", opt.FileBytes)
	}
	opt = opt.withDefaults()
	if err := makeDir(fs, dir); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{opt: opt, writes: make(chan write), written: make(chan error)}
	j.arrived.L = &j.mu
	fl, err := openFiles(fs, dir, opt)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.files = fl
	replayed, lastGroup, err := replayFiles(fl.found, false, apply)
	var needed map[ports.LogID]error
	if err == nil && replayed > 0 {
		needed, err = finish()
	}
	if err == nil && len(needed) > 0 {
		err = fl.carry(fl.found, false, needed)
	}
	if err == nil {
		err = fl.releaseAll()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), fl.close())
	}
	fl.adopt()
	j.groups.Store(lastGroup)
	j.committing.Go(j.run)
	j.committing.Go(j.write)
	j.checkpointing.Go(fl.checkpoint)
	return j, nil
}

// makeDir makes a directory, and the names in it durable: those that a killed run has left may not be.
func makeDir(fs disk.FS, dir string) error {
	if err := fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := fs.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	return fs.SyncDir(dir)
}

// Submit puts l in the queue for the next group. A log must not submit again before Take.
func (j *Journal) Submit(l Log) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, l)
	if len(j.queue) == 1 {
		j.arrived.Signal()
	}
}

// Err returns why nothing is journaled any more, nil while it is.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// Syncs is the number of syncs that commits have waited for.
func (j *Journal) Syncs() int64 { return j.syncs.Load() }

// Group is the number of the newest group of entries. What a log submits from now on gets a higher one, as long as the
// journal is not empty: the first Open that replays nothing counts from 1 again.
func (j *Journal) Group() uint64 { return j.groups.Load() }

// Forget notes that a log was deleted: the journal's files need not be kept for its sake.
func (j *Journal) Forget(l Log) { j.files.forget(l) }

// Close commits what was submitted, has the logs sync their files, and marks the journal as empty: after no error, the
// next Open has nothing to replay but what this one has carried over. A second Close does nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closing {
		j.mu.Unlock()
		return nil
	}
	j.closing = true
	j.arrived.Signal()
	j.mu.Unlock()
	j.files.beginClosing()
	j.committing.Wait() // which may need a checkpoint to go on
	j.files.stop()
	j.checkpointing.Wait()
	err := j.Err()
	if err == nil {
		err = j.files.freeAll()
	}
	return errors.Join(err, j.files.close())
}
