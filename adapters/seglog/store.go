package seglog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
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
	vector  [][]byte // the committing goroutine's

	mu        sync.Mutex
	slots     map[logName]*slot
	recovered map[logName]bool // logs that the journal's replay has brought in order
	unclean   bool             // the last stop was a crash
	points    map[logName]int64
	starts    map[logName]int64
	cleaned   map[logName]int64    // below is compacted
	dead      map[logName]struct{} // deleted, and perhaps still in checkpoint files
	unsynced  map[*Log]struct{}    // with writes that no journal covers
	doomed    []doomed
	closed    bool

	checkpoints sync.Mutex // serializes the writing of checkpoint files
	stop        context.CancelFunc
	background  sync.WaitGroup
}

// slot is a log's place: opening and deleting it are serialized by its lock.
type slot struct {
	mu  sync.Mutex
	log *Log
}

// doomed is a file or directory to be removed.
type doomed struct {
	path string
	when time.Time
}

// Open opens the store in opt.Dir and brings in order what a crash has left: it returns when every acknowledged record is in
// its segment. Logs themselves are opened by Store.Open.
func Open(ctx context.Context, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	s := &Store{
		opt: opt, files: newFileCache(opt.FS, opt.MaxOpenFiles), slots: make(map[logName]*slot),
		recovered: make(map[logName]bool), unsynced: make(map[*Log]struct{}), dead: make(map[logName]struct{}),
	}
	if err := s.makeDirs(filepath.Join(opt.Dir, journalDir)); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	if err := s.readCheckpoints(); err != nil {
		return nil, fmt.Errorf("open log store: %w", err)
	}
	r := &recovery{store: s, logs: make(map[logName]*Log)}
	opt.Journal.Freeing = func() error { return s.writeCheckpoints(s.opened()) }
	j, err := journal.Open(opt.FS, filepath.Join(opt.Dir, journalDir), opt.Journal, r.apply, r.settle)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open log store: %w", err), s.files.close())
	}
	s.journal = j
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.background.Go(func() { s.maintain(running) })
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

// readCheckpoints reads what the last run has left, and takes away the mark of a clean stop.
func (s *Store) readCheckpoints() error {
	path := func(name string) string { return filepath.Join(s.opt.Dir, name) }
	read := func(name string) (map[logName]int64, error) {
		content, err := readFile(s.opt.FS, path(name))
		if err != nil {
			return nil, err
		}
		offsets, err := parseOffsets(content)
		if err != nil {
			s.opt.Log.Warn("checkpoint is passed over", "file", path(name), "err", err)
			return make(map[logName]int64), nil
		}
		return offsets, nil
	}
	var err error
	if s.points, err = read(recoveryFile); err != nil {
		return err
	}
	if s.starts, err = read(logStartFile); err != nil {
		return err
	}
	if s.cleaned, err = read(cleanerFile); err != nil {
		return err
	}
	clean, err := s.opt.FS.Exists(path(cleanShutdownFile))
	if err != nil {
		return err
	}
	s.unclean = !clean
	if !clean {
		return nil
	}
	if err := s.opt.FS.Remove(path(cleanShutdownFile)); err != nil {
		return err
	}
	return s.opt.FS.SyncDir(s.opt.Dir)
}

// Open opens the partition's log; see ports.LogStore.
func (s *Store) Open(ctx context.Context, id ports.LogID, cfg ports.LogConfig, events ports.LogEvents) (ports.Log, error) {
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
	stored, err := s.storedID(l.dir)
	switch {
	case err != nil:
		return nil, err
	case stored != nil && *stored == id.TopicID:
		s.mu.Lock()
		point, start, scan := s.points[l.name()], s.starts[l.name()], s.unclean && !s.recovered[l.name()]
		s.mu.Unlock()
		if err = l.load(point, start, scan); err == nil {
			err = l.forgetFloor()
		}
		if err == nil && scan { // what was written and not synced before the crash can be read from now on
			err = l.Sync()
		}
	default:
		if stored != nil { // left of a topic that had the same name
			err = s.discard(l.dir, cfg.FileDeleteDelay)
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
	return l, nil
}

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

// longestName is how many bytes a file's name may have (NAME_MAX).
const longestName = 255

// discard renames a log's directory, so that it is gone for all purposes, and has it removed after a delay.
func (s *Store) discard(dir string, delay time.Duration) error {
	when := time.Now()
	ending := fmt.Sprintf(".%032x-delete", when.UnixNano())
	name := filepath.Base(dir)
	away := filepath.Join(s.opt.Dir, name[:min(len(name), longestName-len(ending))]+ending)
	if err := s.opt.FS.Rename(dir, away); err != nil {
		return err
	}
	s.files.forgetDir(dir)
	if err := s.opt.FS.SyncDir(s.opt.Dir); err != nil {
		return err
	}
	s.doom(away, when.Add(delay))
	return nil
}

// doom has a path removed at a later time.
func (s *Store) doom(path string, when time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doomed = append(s.doomed, doomed{path, when})
}

// Delete takes the log away; see ports.LogStore.
func (s *Store) Delete(_ context.Context, id ports.LogID) error {
	place, err := s.slot(id)
	if err != nil {
		return err
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	dir := filepath.Join(s.opt.Dir, logName{id.Topic, id.Partition}.String())
	if s.isClosed() {
		return errClosed
	}
	stored, err := s.storedID(dir)
	if err != nil || stored == nil || *stored != id.TopicID {
		return err
	}
	delay := time.Duration(0)
	if l := place.log; l != nil {
		delay = l.close(fault.New(fault.KafkaStorageError, "log of %s was deleted", l.name()))
		place.log = nil
	}
	s.mu.Lock()
	name := logName{id.Topic, id.Partition}
	s.dead[name] = struct{}{}
	s.mu.Unlock()
	return s.discard(dir, delay)
}

// close ends a log for good, waiting for what is being written, and returns how long its files are to be kept.
func (l *Log) close(reason error) time.Duration {
	l.mu.Lock()
	if l.offline == nil {
		l.offline = reason
	}
	l.deleted = true
	delay := l.config.FileDeleteDelay
	l.settled.Broadcast()
	l.mu.Unlock()
	// Who works on the files stops soon; nobody begins to.
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	l.store.journal.Forget(l)
	return delay
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
		l.shutting = errClosed
		l.mu.Unlock()
	}
	errs := []error{s.journal.Close()}
	for _, l := range logs {
		errs = append(errs, l.shut())
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, s.files.close())
	}
	err := s.writeCheckpoints(logs)
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
		if err := l.writeSnapshot(end, formatProducers(l.producers)); err != nil {
			return err
		}
	}
	return l.Sync()
}

// writeCheckpoints writes the recovery points of these logs. Below its recovery point a log's records and indexes are
// durable.
func (s *Store) writeCheckpoints(logs []*Log) error {
	points := make(map[*Log]int64, len(logs))
	for _, l := range logs {
		l.mu.Lock()
		point := l.recoveryPoint
		changed := l.offline == nil && point != l.checkpointed
		l.mu.Unlock()
		if !changed {
			continue
		}
		if err := l.syncIndexes(); err != nil {
			l.fail(err)
			continue
		}
		points[l] = point
	}
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	buried := len(s.dead)
	for name := range s.dead {
		delete(s.points, name)
		delete(s.starts, name)
		delete(s.cleaned, name)
	}
	for l, point := range points {
		l.mu.Lock()
		if l.offline == nil {
			point = min(point, l.recoveryPoint) // lower, if it was truncated meanwhile
			s.points[l.name()], l.checkpointed = point, point
		}
		l.mu.Unlock()
	}
	offsets, starts, cleaned := formatOffsets(s.points), formatOffsets(s.starts), formatOffsets(s.cleaned)
	clear(s.dead)
	s.mu.Unlock()
	if len(points) == 0 && buried == 0 {
		return nil
	}
	err := s.replaceCheckpoint(recoveryFile, offsets)
	if buried > 0 {
		err = errors.Join(err, s.replaceCheckpoint(logStartFile, starts), s.replaceCheckpoint(cleanerFile, cleaned))
	}
	if err != nil {
		for l := range points {
			l.mu.Lock()
			l.checkpointed = -1
			l.mu.Unlock()
		}
	}
	return err
}

func (s *Store) replaceCheckpoint(name string, content []byte) error {
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, name), content)
}

// dropCheckpoints takes what a deleted log has left out of the checkpoint files, durably, before a new one has its
// name.
func (s *Store) dropCheckpoints(name logName) error {
	s.mu.Lock()
	_, dead := s.dead[name]
	_, a := s.points[name]
	_, b := s.starts[name]
	_, c := s.cleaned[name]
	if a || b || c || dead {
		s.dead[name] = struct{}{}
	}
	s.mu.Unlock()
	if !a && !b && !c && !dead {
		return nil
	}
	return s.writeCheckpoints(nil)
}

// writeStart makes a log's start offset durable.
func (s *Store) writeStart(l *Log, start int64) error {
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	s.mu.Lock()
	if gone := l.offlineError(); gone != nil {
		s.mu.Unlock()
		return gone
	}
	s.starts[l.name()] = max(s.starts[l.name()], start)
	content := formatOffsets(s.starts)
	s.mu.Unlock()
	return s.replaceCheckpoint(logStartFile, content)
}

// recovery brings logs in order from the journal, before the store is open.
type recovery struct {
	store *Store
	logs  map[logName]*Log
}

// apply brings one entry into its log. A log that cannot take it goes offline; the others go on.
func (r *recovery) apply(e journal.Entry) error {
	name := logName{e.ID.Topic, e.ID.Partition}
	l, known := r.logs[name]
	if !known {
		l = r.store.empty(e.ID, ports.LogConfig{}, nil)
		stored, err := r.store.storedID(l.dir)
		if err != nil {
			return err
		}
		if stored == nil || *stored != e.ID.TopicID {
			return nil // the topic was deleted
		}
		if err := l.load(r.store.points[name], r.store.starts[name], true); err != nil {
			l.offline = err
			r.store.opt.Log.Error("log cannot be recovered", "topic", name.topic, "partition", name.partition, "err", err)
		}
		r.logs[name] = l
	}
	if l.id.TopicID != e.ID.TopicID {
		return nil
	}
	err := l.offline
	if err == nil {
		if e.Group <= l.floor {
			return nil // from before a truncation
		}
		err = l.apply(e)
	}
	if err == nil {
		return nil
	}
	l.offline = err
	r.store.opt.Log.Error("journal entry cannot be applied", "topic", name.topic, "partition", name.partition, "offset", e.BaseOffset, "err", err)
	return l.keepUnapplied(e.Payload)
}

// settle makes durable what apply has done.
func (r *recovery) settle() error {
	var logs []*Log
	for name, l := range r.logs {
		if l.offline != nil {
			continue
		}
		l.mu.Lock()
		s := l.active()
		s.markTime()
		l.mu.Unlock()
		if err := errors.Join(l.flushIndexes(s), l.Sync()); err != nil {
			return err
		}
		logs = append(logs, l)
		r.store.recovered[name] = true
	}
	// The floors are of no use when the journal is empty, and Open of the logs removes them.
	return r.store.writeCheckpoints(logs)
}

// noteUnsynced remembers a log that no journal covers, for maintain to sync.
func (s *Store) noteUnsynced(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsynced[l] = struct{}{}
}

// checkpointEvery is how often recovery points are written (Kafka: log.flush.offset.checkpoint.interval.ms).
const checkpointEvery = time.Minute

// maintain syncs what is to be synced at intervals, writes recovery points and removes what was deleted, until ctx ends.
func (s *Store) maintain(ctx context.Context) {
	s.removeLeftovers(ctx)
	tick := time.NewTicker(min(s.opt.FlushInterval, time.Second))
	defer tick.Stop()
	checkpointed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.flushDue(now)
			s.removeDoomed(now)
			if now.Sub(checkpointed) >= checkpointEvery {
				checkpointed = now
				if err := s.writeCheckpoints(s.opened()); err != nil {
					s.opt.Log.Error("recovery points cannot be written", "err", err)
				}
			}
		}
	}
}

// flushDue syncs the logs whose time has come.
func (s *Store) flushDue(now time.Time) {
	s.mu.Lock()
	var due []*Log
	for l := range s.unsynced {
		l.mu.Lock()
		age := l.config.FlushAge
		if l.config.Flush == ports.FlushInterval && (age <= 0 || age > s.opt.FlushInterval) {
			age = s.opt.FlushInterval
		}
		switch {
		case l.firstUnsynced.IsZero():
			delete(s.unsynced, l)
		case age > 0 && now.Sub(l.firstUnsynced) >= age:
			due = append(due, l)
			delete(s.unsynced, l)
		}
		l.mu.Unlock()
	}
	s.mu.Unlock()
	for _, l := range due {
		_ = l.Sync() // which takes the log offline when it fails
	}
}

// removeLeftovers removes the directories of logs that an earlier run has deleted.
func (s *Store) removeLeftovers(ctx context.Context) {
	names, err := s.opt.FS.ReadDir(s.opt.Dir)
	if err != nil {
		return
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return
		}
		if strings.HasSuffix(name, "-delete") {
			s.doom(filepath.Join(s.opt.Dir, name), time.Time{})
		}
	}
}

// removeDoomed removes what is due.
func (s *Store) removeDoomed(now time.Time) {
	s.mu.Lock()
	var due []string
	kept := s.doomed[:0]
	for _, d := range s.doomed {
		if d.when.After(now) {
			kept = append(kept, d)
		} else {
			due = append(due, d.path)
		}
	}
	s.doomed = kept
	s.mu.Unlock()
	for _, path := range due {
		if err := s.opt.FS.Remove(path); err != nil {
			s.opt.Log.Error("deleted file cannot be removed", "path", path, "err", err)
		}
	}
}
