package wiring

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrUnfinished is in the chain of a Server's error when it has stopped without having done all that a proper stop
// does. Nothing that was acknowledged is lost by that: the next start does the rest, as after a kill.
var ErrUnfinished = errors.New("stopped, but not all was done")

// Progress knows what a broker that starts or stops is doing. Who has no more patience with it asks here what it would
// have waited for. The zero value is ready for one broker; its methods may be called concurrently.
type Progress struct {
	mu    sync.Mutex
	doing string       // "" for nothing
	log   *slog.Logger // nil before there is one
	left  []error      // what the stop could not do
}

// begin says what is done now.
func (p *Progress) begin(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = doing
}

// ended says how the last part of a stop went.
func (p *Progress) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.left = append(p.left, fmt.Errorf("%s: %w", p.doing, err))
	}
	p.doing = ""
}

// unfinished returns what the stop could not do, ErrUnfinished, or nil.
func (p *Progress) unfinished() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.left) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnfinished, errors.Join(p.left...))
}

// logTo says where the broker logs.
func (p *Progress) logTo(log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = log
}

// Abandon logs that the process ends for the reason given, whatever the broker is doing, and what that is. It returns
// whether there was a log to write to.
func (p *Progress) Abandon(reason string) bool {
	p.mu.Lock()
	log, doing := p.log, p.doing
	p.mu.Unlock()
	if log == nil {
		return false
	}
	if doing == "" {
		doing = "nothing"
	}
	log.Error("ended before all was done: nothing acknowledged is lost, the next start does the rest", "reason", reason,
		"under_way", doing)
	return true
}
