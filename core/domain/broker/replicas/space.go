package replicas

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

const (
	// measureEvery is the interval at which the disk is measured. Appends are counted in between; what other processes
	// write is not seen until the next measurement.
	measureEvery = 250 * time.Millisecond
	// measurePause is the shortest time between two measurements, when little space is left.
	measurePause = 20 * time.Millisecond
	// linesOfDisk is how many lines about a disk that cannot be measured may be written per limitedlog.Period.
	linesOfDisk = 2
)

// Space keeps the disk from filling up: it refuses records early enough, and releases space from a preallocated reserve
// for everything else that has to go on.
type Space struct {
	rule    space.Rule
	budget  *space.Budget
	disk    ports.Disk // nil for unlimited space
	log     *slog.Logger
	noise   *limitedlog.Log             // for a disk that cannot be measured
	refusal atomic.Pointer[fault.Error] // the error for appends that are refused
	woken   chan struct{}               // little space is left

	tight atomic.Bool // appends need some of the reserve

	mu    sync.Mutex // held during a measurement and the change of the reserve that follows
	known space.Disk // the last measurement
	lent  int        // number of reviews until the reserve grows again
	said  bool       // it was logged that records are refused
}

// NewSpace measures the disk and fills the reserve as the rule says. The error is the disk's.
func NewSpace(rule space.Rule, disk ports.Disk, log *slog.Logger) (*Space, error) {
	s := &Space{
		rule: rule, budget: space.NewBudget(rule), disk: disk, log: log, noise: limitedlog.New(log, linesOfDisk),
		woken: make(chan struct{}, 1),
	}
	d, err := s.measure()
	if err != nil {
		return nil, fmt.Errorf("disk space: %w", err)
	}
	s.decide(d, nil)
	return s, nil
}

// unlimited is the free space, in bytes, of a broker that keeps nothing on disk.
const unlimited = math.MaxInt64 / 2

// NewEndlessSpace returns the space of a broker that keeps nothing on disk: there is always enough.
func NewEndlessSpace(log *slog.Logger) *Space {
	s := &Space{budget: space.NewBudget(space.Rule{}), log: log, known: space.Disk{Free: unlimited}}
	s.budget.Measured(s.known)
	return s
}

// Run reviews the disk until ctx ends.
func (s *Space) Run(ctx context.Context) error {
	if s.disk == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.woken:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(measurePause):
			}
		}
		s.review() //nolint:contextcheck // the lines that it writes need no context
	}
}

// review measures the disk and decides whether records are accepted.
func (s *Space) review() { s.decide(s.measure()) }

// decide decides after a measurement whether records are accepted. When the disk cannot be measured, the last
// measurement stays valid, unless the data directory is gone.
func (s *Space) decide(d space.Disk, err error) {
	var refusal *fault.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.budget.Lost()
		refusal = fault.New(fault.KafkaStorageError, "nothing is appended, the data directory is gone: %w", err)
	case err != nil:
		s.noise.Warn(context.Background(), "cannot measure disk", "err", err)
		return
	default:
		s.budget.Measured(d)
		refusal = fault.New(fault.KafkaStorageError,
			"nothing can be produced until there is space again: the broker's disk has %d bytes left, "+
				"its reserve among them, and keeps %d for what must go on", d.Total(), s.rule.Floor(space.Records))
	}
	s.refusal.Store(refusal)
	refusing := s.budget.Refusing()
	switch {
	case refusing && !s.said:
		s.log.Error("records are refused", "reason", refusal.Error())
	case !refusing && s.said:
		s.log.Info("records are accepted again", "bytes_left", d.Total())
	}
	s.said = refusing
}

// measure returns the state of the disk, after the reserve was set to the size that the rule asks for.
func (s *Space) measure() (space.Disk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.disk.Measure()
	if err != nil {
		return d, err
	}
	if s.lent > 0 {
		s.lent--
		s.know(d)
	} else {
		s.hold(d, s.rule.Hold(d))
	}
	return s.known, nil
}

func (s *Space) know(d space.Disk) {
	s.known = d
	s.tight.Store(d.Free < s.rule.Working())
}

// hold sets the size of the reserve, in bytes. When the reserve cannot grow, it keeps the size that it has.
func (s *Space) hold(d space.Disk, want int64) {
	if want != d.Held {
		held, err := s.disk.Hold(want)
		if err != nil {
			s.log.Debug("reserve of the disk not changed", "bytes", d.Held, "wanted", want, "err", err)
		}
		d = space.Disk{Free: d.Free + d.Held - held, Held: held}
	}
	s.know(d)
}

// lending is for how many reviews the reserve does not grow after a large request, which background work makes.
const lending = 4

// Room returns nil when n bytes may be written for a use. It releases as much of the reserve, for a while, as is needed
// for them.
func (s *Space) Room(u space.Use, n int64) error {
	if s.disk == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.disk.Measure()
	if err != nil {
		return fmt.Errorf("disk space: %w", err)
	}
	if d.Total()-n < s.rule.Floor(u) {
		return fmt.Errorf("the disk is full: %d bytes free, needed are %d", d.Total(), s.rule.Floor(u)+n)
	}
	if want := s.rule.Release(d, n); want < d.Held {
		if n >= s.rule.Working()/2 {
			s.lent = lending
		}
		s.hold(d, want)
	}
	return nil
}

// Spare reports whether n bytes may be used for something optional. It does not block.
func (s *Space) Spare(n int64) bool { return s.budget.Spare(n) }

// take counts n bytes that are to be appended for a use. The error, when there is no space for them, is
// fault.KafkaStorageError, which clients retry.
func (s *Space) take(u space.Use, n int) error {
	if s == nil {
		return nil
	}
	if !s.budget.Take(u, int64(n)) || s.tight.Load() && s.Room(u, int64(n)) != nil {
		return s.refusal.Load()
	}
	if s.budget.Low(u) {
		select {
		case s.woken <- struct{}{}:
		default:
		}
	}
	return nil
}

// giveBack undoes take for n bytes that are not appended after all.
func (s *Space) giveBack(u space.Use, n int) {
	if s != nil {
		s.budget.GiveBack(u, int64(n))
	}
}

// short reports whether there is no space for a use.
func (s *Space) short(u space.Use) bool { return s != nil && s.budget.Short(u) }

// Refusal returns why records are refused, nil while they are taken.
func (s *Space) Refusal() error {
	if !s.budget.Refusing() {
		return nil
	}
	return s.refusal.Load()
}

// Disk returns the last measurement.
func (s *Space) Disk() space.Disk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// useOf returns the use of disk space by a topic's records.
func useOf(topic string) space.Use {
	if metadata.IsInternal(topic) {
		return space.Internal
	}
	return space.Records
}
