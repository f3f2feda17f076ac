package seglog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
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

	mu        sync.Mutex
	slots     map[logName]*slot
	recovered map[logName]bool  // logs that the journal's replay has brought in order
	unclean   bool              // the last stop was a crash
	points    map[logName]int64 // what the checkpoint files hold: recovery points,
	indexed   map[logName]int64 // index points,
	starts    map[logName]int64 // and log start offsets
	// How often starts was raised, and how many of these raises are in the checkpoint file.
	startsRaised, startsWritten int64
	cleaned                     map[logName]int64    // below is compacted
	dead                        map[logName]struct{} // deleted, and perhaps still in checkpoint files
	unsynced                    map[*Log]struct{}    // with writes that no journal covers
	flushAt                     time.Time            // when flush will look at them, zero for never
	doomed                      []doomed
	lying                       []mending            // for mend
	compactions                 map[*Log]*compaction // under way
	setAside                    map[*Log]damaged     // logs that are compacted no more
	closed                      bool

	lies        chan struct{} // lying is not empty
	sooner      chan struct{} // flush has something to do before flushAt
	checkpoints sync.Mutex    // serializes the writing of checkpoint files
	stop        context.CancelFunc
	background  sync.WaitGroup

	freed int // how often the journal has freed files; its own
}

// slot is a log's place: opening and deleting it are serialized by its lock.
type slot struct {
	mu  sync.Mutex
	log *Log
}

// Open opens the store in opt.Dir and brings in order what a crash has left: it returns when every acknowledged record is in
// its segment. Logs themselves are opened by Store.Open.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{
		opt: opt, files: newFileCache(opt.FS, opt.MaxOpenFiles), slots: make(map[logName]*slot),
		recovered: make(map[logName]bool), unsynced: make(map[*Log]struct{}), dead: make(map[logName]struct{}),
		compactions: make(map[*Log]*compaction), setAside: make(map[*Log]damaged),
		lies: make(chan struct{}, 1), sooner: make(chan struct{}, 1),
	}
	if err := s.makeDirs(filepath.Join(opt.Dir, journalDir)); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	if err := s.readCheckpoints(); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	r := &recovery{store: s, logs: make(map[logName]*Log)}
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

// makeDirs makes a directory and those above it, durably.
func (s *Store) makeDirs(dir string) error {
	var made []string
	for at := dir; ; at = filepath.Dir(at) {
		exists, err := s.opt.FS.Exists(at)
		if err != nil {
			return err
		}
		if exists || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	if err := s.opt.FS.MkdirAll(dir); err != nil {
		return err
	}
	for _, d := range made {
		if err := s.opt.FS.SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// Open opens the partition's log; see ports.LogStore.
func (s *Store) Open(ctx context.Context, id ports.LogID, cfg *ports.LogConfig, events ports.LogEvents) (ports.Log, error) {
	place, err := s.slot(id)
	if err != nil {
		return nil, err
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	if s.isClosed() {
		return nil, errClosed
	}
	if place.log != nil {
		return nil, fault.New(fault.KafkaStorageError, "log of %s-%d is open already", id.Topic, id.Partition)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := s.empty(id, cfg, events)
	stored, err := s.storedID(l.dir())
	switch {
	case err != nil:
		return nil, err
	case stored != nil && *stored == id.TopicID:
		s.mu.Lock()
		sound, start, scan := s.storedPoints(l.name()), s.starts[l.name()], s.unclean && !s.recovered[l.name()]
		s.mu.Unlock()
		if err = l.load(sound, start, scan); err == nil {
			err = l.forgetFloor()
		}
		if err == nil && scan { // what was written and not synced before the crash can be read from now on
			err = l.Sync()
		}
	default:
		if stored != nil { // left of a topic that had the same name
			err = s.discard(l.dir(), cfg.FileDeleteDelay)
		}
		if err == nil {
			err = s.dropCheckpoints(l.name())
		}
		if err == nil {
			err = l.create()
		}
	}
	if err != nil {
		return nil, fault.New(fault.KafkaStorageError, "open log of %s: %w", l.name(), err)
	}
	place.log = l
	l.noteOpened()
	return l, nil
}

// empty returns a log that is not open yet.
func (s *Store) empty(id ports.LogID, cfg *ports.LogConfig, events ports.LogEvents) *Log {
	return &Log{store: s, id: id, events: events, config: withLimits(cfg), storedEpoch: -1, checkpointed: -1}
}

// dirOf returns the directory of a log.
func (s *Store) dirOf(name logName) string {
	return s.opt.Dir + string(filepath.Separator) + name.topic + "-" + strconv.Itoa(int(name.partition))
}

// Err returns why the journal takes no more; see ports.LogStore.
func (s *Store) Err() error { return s.journal.Err() }

var errClosed = fault.New(fault.KafkaStorageError, "log store is closed")

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// slot returns a log's place.
func (s *Store) slot(id ports.LogID) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	name := logName{id.Topic, id.Partition}
	place := s.slots[name]
	if place == nil {
		place = &slot{}
		s.slots[name] = place
	}
	return place, nil
}

// storedID returns the topic id of the log in dir, nil when there is no log.
func (s *Store) storedID(dir string) (*metadata.TopicID, error) {
	content, err := readFile(s.opt.FS, filepath.Join(dir, partitionFile))
	if err != nil || content == nil {
		return nil, err
	}
	id, err := parsePartition(content)
	return &id, err
}

// Stored returns the logs that are on disk.
func (s *Store) Stored() ([]ports.LogID, error) {
	names, err := s.opt.FS.ReadDir(s.opt.Dir)
	if err != nil {
		return nil, err
	}
	var ids []ports.LogID
	for _, dir := range names {
		name, ok := parseLogName(dir)
		if !ok {
			continue
		}
		id, err := s.storedID(filepath.Join(s.opt.Dir, dir))
		if err != nil || id == nil {
			continue // no log of ours
		}
		ids = append(ids, ports.LogID{Topic: name.topic, TopicID: *id, Partition: name.partition})
	}
	return ids, nil
}

// opened returns the open logs.
func (s *Store) opened() []*Log {
	s.mu.Lock()
	places := make([]*slot, 0, len(s.slots))
	for _, p := range s.slots {
		places = append(places, p)
	}
	s.mu.Unlock()
	var logs []*Log
	for _, p := range places {
		p.mu.Lock()
		if p.log != nil {
			logs = append(logs, p.log)
		}
		p.mu.Unlock()
	}
	return logs
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
	s.stop()
	s.background.Wait()
	clean := true // a log that is offline has to be checked at the next start
	logs := s.opened()
	for _, l := range logs {
		l.mu.Lock()
		l.shutting = true
		l.mu.Unlock()
	}
	errs := []error{s.journal.Close()}
	for _, l := range logs {
		errs = append(errs, l.shut())
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, s.files.close())
	}
	err := s.writeAllCheckpoints(logs)
	for _, l := range logs {
		l.mu.Lock()
		if l.offline == nil {
			l.offline = errClosed
		} else {
			clean = clean && l.deleted
		}
		l.mu.Unlock()
	}
	if err == nil && clean {
		err = replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, cleanShutdownFile), []byte(`{"version":0,"brokerEpoch":-1}`))
	}
	s.removeDoomed(time.Now().Add(1000 * time.Hour))
	return errors.Join(err, s.files.close())
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
	if end > s.base || l.producers.Len() > 0 {
		if err := l.writeSnapshot(end, formatProducers(&l.producers)); err != nil {
			return err
		}
	}
	return l.Sync()
}
