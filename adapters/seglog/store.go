package seglog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.LogStore = (*Store)(nil)

// journalDir is the journal's directory in the data directory. No log's directory can have this name.
const journalDir = "journal"

// Store keeps the logs of one data directory.
type Store struct {
	opt     Options
	files   *fileCache
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
	flushAt     time.Time            // when flush will look at them, zero for never
	doomed      []doomed
	lying       []mending            // for mend
	compactions map[*Log]*compaction // under way
	setAside    map[*Log]damaged     // logs that are compacted no more
	closed      bool

	lies        chan struct{} // lying is not empty
	sooner      chan struct{} // flush has something to do before flushAt
	closing     chan struct{} // closed when Close begins
	checkpoints sync.Mutex    // serializes the writing of checkpoint files
	stop        context.CancelFunc
	background  sync.WaitGroup

	freed int // how often the journal has freed files; its own
}

// slot is a log's place: opening and deleting it are serialized by its lock. There is one for each log that is open, or
// being opened or deleted.
type slot struct {
	name  logName
	users int // who opens or deletes the log, or waits for that; guarded by Store.mu

	log atomic.Pointer[Log] // nil when it is not open; mu is held where it changes

	mu       sync.Mutex
	halfMade bool // making it has failed, and its files are not removed
}

// Open opens the store in opt.Dir and brings in order what a crash has left: it returns when every acknowledged record
// is in its segment. Logs themselves are opened by Store.Open.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{
		opt: opt, files: newFileCache(opt.FS, opt.MaxOpenFiles), slots: make(map[logName]*slot),
		unchecked: make(map[logName]struct{}), unsynced: make(map[*Log]struct{}),
		lies: make(chan struct{}, 1), sooner: make(chan struct{}, 1), closing: make(chan struct{}),
		compactions: make(map[*Log]*compaction), setAside: make(map[*Log]damaged),
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
	j, err := journal.Open(opt.FS, filepath.Join(opt.Dir, journalDir), opt.Journal, r.apply, r.settle)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log store: %w", err), s.files.close())
	}
	s.journal = j
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.maintain(running) })
	s.background.Go(func() { s.flush(running) })
	s.background.Go(func() { s.mend(running) })
	return s, nil
}

// Open opens the partition's log; see ports.LogStore.
func (s *Store) Open(
	ctx context.Context, id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents,
) (ports.Log, error) {
	place, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	defer s.leave(place)
	place.mu.Lock()
	defer place.mu.Unlock()
	if s.isClosed() {
		return nil, errClosed
	}
	if place.log.Load() != nil {
		return nil, fault.New(fault.KafkaStorageError, "log of %s-%d is open already", id.Topic, id.Partition)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := s.empty(id, cfg, state, events)
	stored, err := s.storedID(l.dir())
	switch {
	case err != nil:
	case stored != nil && *stored == id.TopicID && !place.halfMade:
		if s.journal.Carries(id) {
			err = s.recoverCarried(id)
		}
		if err == nil {
			err = l.reopen()
		}
	default:
		if stored != nil { // left of a topic that had the same name, or half made
			err = s.discard(l.dir(), cfg.FileDeleteDelay)
		}
		if err == nil {
			err = s.dropCheckpoints(l.name())
		}
		if err == nil {
			s.doubt(l.name())
			err = l.create()
			place.halfMade = err != nil
		}
	}
	if err != nil {
		return nil, fault.New(fault.KafkaStorageError, "open log of %s: %w", l.name(), err)
	}
	s.trust(l.name())
	place.log.Store(l)
	l.noteOpened()
	return l, nil
}

// reopen loads a log that an earlier run has left, or that could not be opened in this one.
func (l *Log) reopen() error {
	s, name := l.store, l.name()
	s.mu.Lock()
	sound, start := s.storedPoints(name), s.starts.of[name]
	_, scan := s.unchecked[name]
	s.unchecked[name] = struct{}{} // until it is known to be whole
	s.mu.Unlock()
	snapshots, err := l.load(sound, start, scan)
	if err != nil {
		return err
	}
	epochs, err := l.loadState(snapshots)
	if err != nil {
		return err
	}
	l.state.RestoreEpochs(epochs)
	if err := l.forgetFloor(); err != nil {
		return err
	}
	if scan { // what was written and not synced before the crash can be read from now on
		return l.Sync()
	}
	return nil
}

// empty returns a log that is not open yet.
func (s *Store) empty(id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents) *Log {
	return &Log{store: s, id: id, events: events, config: withLimits(cfg), state: state}
}

// dirOf returns the directory of a log.
func (s *Store) dirOf(name logName) string {
	return s.opt.Dir + string(filepath.Separator) + name.topic + "-" + strconv.Itoa(int(name.partition))
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

// slot returns a log's place. Who has it leaves it in the end.
func (s *Store) slot(id ports.LogID) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	name := logName{id.Topic, id.Partition}
	place := s.slots[name]
	if place == nil {
		place = &slot{name: name}
		s.slots[name] = place
	}
	place.users++
	return place, nil
}

// leave ends a use of a log's place, which is forgotten when nobody needs it.
func (s *Store) leave(place *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place.users--
	if place.users == 0 && place.log.Load() == nil && !place.halfMade {
		delete(s.slots, place.name)
	}
}

// opened returns the open logs. It waits for none that is being opened or deleted, which may take long.
func (s *Store) opened() []*Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	var logs []*Log
	for _, p := range s.slots {
		if l := p.log.Load(); l != nil {
			logs = append(logs, l)
		}
	}
	return logs
}

// awaitPlaces returns when no log is being opened or deleted any more, after the store was closed.
func (s *Store) awaitPlaces() {
	s.mu.Lock()
	places := slices.Collect(maps.Values(s.slots))
	s.mu.Unlock()
	for _, p := range places {
		p.mu.Lock()
		p.mu.Unlock() //nolint:staticcheck // who comes now finds the store closed
	}
}

// Close flushes and closes everything.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.stop()
	s.background.Wait()
	s.awaitPlaces()
	logs := s.opened()
	for _, l := range logs {
		l.mu.Lock()
		l.shutting = true
		l.mu.Unlock()
	}
	if err := s.journal.Close(); err != nil {
		return errors.Join(err, s.files.close())
	}
	var errs []error
	for _, l := range logs {
		if err := l.shut(); err != nil {
			s.doubt(l.name())
			errs = append(errs, err)
		}
	}
	err := s.writeAllCheckpoints(logs)
	for _, l := range logs {
		l.mu.Lock()
		failed := l.offline != nil && !l.deleted
		if l.offline == nil {
			l.offline = errClosed
		}
		l.mu.Unlock()
		if failed {
			s.doubt(l.name())
		}
	}
	if err == nil {
		err = s.markStop()
	}
	s.removeDoomed(time.Now().Add(1000 * time.Hour))
	return errors.Join(append(errs, err, s.files.close())...)
}

// shut writes what a clean start needs: whole indexes, the producers' state at the end, everything synced.
func (l *Log) shut() error {
	l.awaitCompaction()
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	s := l.active()
	s.markTime()
	gone, end := l.offline, l.end
	l.mu.Unlock()
	if gone != nil {
		return nil // its files stay as they are, for the next start to check
	}
	if err := l.flushIndexes(s); err != nil {
		return err
	}
	if end > s.base || l.state.Producers.Len() > 0 {
		if err := l.writeSnapshot(end, formatSnapshot(l.state)); err != nil {
			return err
		}
	}
	return l.Sync()
}
