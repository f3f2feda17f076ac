package seglog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.LogStore = (*Store)(nil)

// journalDir is the journal's directory in the data directory. No log's directory can have this name.
const journalDir = "journal"

// Store keeps the logs of one data directory.
type Store struct {
	opt     Options
	files   *filecache.Cache
	journal *journal.Journal
	chunks  chunks
	vector  [][]byte // the committing goroutine's

	mu          sync.Mutex
	slots       map[logName]*slot    // of the logs that are open, or being opened or deleted
	unchecked   map[logName]struct{} // logs that are not known to be whole
	points      offsetCheckpoint     // recovery points: below is synced
	indexed     offsetCheckpoint     // index points: below the indexes are synced too
	starts      offsetCheckpoint     // log start offsets
	cleaned     offsetCheckpoint     // below is compacted
	unsynced    map[*Log]struct{}    // with writes that no journal covers
	flushAt     time.Time            // when flush checks them next, zero for never
	removals    []removal            // files and directories that are to be removed
	rebuilds    []indexRebuild       // for rebuildIndexes
	compactions map[*Log]*compaction // under way
	damaged     map[*Log]damage      // logs that are not compacted any more
	closed      bool

	rebuildDue  chan struct{} // rebuilds is not empty
	sooner      chan struct{} // flush has something to do before flushAt
	closing     chan struct{} // closed when Close begins
	checkpoints sync.Mutex    // serializes the writing of checkpoint files
	stop        context.CancelFunc
	background  sync.WaitGroup

	freed int // how often the journal has freed files; used by the journal's goroutine only
}

// Open opens the store in opt.Dir and recovers it from a crash: it returns when every acknowledged record is in its
// segment. Logs themselves are opened by Store.Open.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{
		opt:         opt,
		files:       filecache.New(opt.FS, opt.MaxOpenFiles, isLogFile),
		slots:       make(map[logName]*slot),
		unchecked:   make(map[logName]struct{}),
		unsynced:    make(map[*Log]struct{}),
		compactions: make(map[*Log]*compaction),
		damaged:     make(map[*Log]damage),
		rebuildDue:  make(chan struct{}, 1),
		sooner:      make(chan struct{}, 1),
		closing:     make(chan struct{}),
	}
	s.setCheckpoints()
	if err := disk.MakeDirs(opt.FS, filepath.Join(opt.Dir, journalDir)); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	if err := s.readCheckpoints(); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	if err := s.readStop(); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	r := newRecovery(s)
	opt.Journal.Freeing = s.freeing
	j, err := journal.Open(opt.FS, filepath.Join(opt.Dir, journalDir), opt.Journal, r.apply, r.finish)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log store: %w", err), s.files.Close())
	}
	s.journal = j
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.maintain(running) })
	s.background.Go(func() { s.flush(running) })
	s.background.Go(func() { s.rebuildIndexes(running) })
	return s, nil
}

// isLogFile reports whether a write to the file at path is lost for good when it does not reach the disk. What is lost
// of an index is built again.
func isLogFile(path string) bool { return strings.HasSuffix(path, logSuffix) }

// dirOf returns the directory of a log.
func (s *Store) dirOf(name logName) string {
	return s.opt.Dir + string(filepath.Separator) + name.Topic + "-" + strconv.Itoa(int(name.Partition))
}

// Dir describes the data directory; see ports.LogStore.
func (s *Store) Dir() (ports.LogDir, error) {
	total, usable, err := s.opt.FS.Capacity(s.opt.Dir)
	if err != nil {
		return ports.LogDir{}, err
	}
	return ports.LogDir{Path: s.opt.Dir, Total: total, Usable: usable}, nil
}

// Err returns why the journal takes no more; see ports.LogStore.
func (s *Store) Err() error { return s.journal.Err() }

var errClosed = fault.New(fault.KafkaStorageError, "log store is closed")

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// pause waits for a while. It reports false as soon as the store closes.
func (s *Store) pause(while time.Duration) bool {
	select {
	case <-time.After(while):
		return true
	case <-s.closing:
		return false
	}
}
