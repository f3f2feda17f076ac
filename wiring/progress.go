package wiring

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// ErrUnfinished is in the chain of a Server's error when a part of its stop has failed. No acknowledged record is lost
// by that: the next start recovers, as after a kill.
var ErrUnfinished = errors.New("stopped, but not all was done")

// Progress records what a starting or stopping broker is doing, so that a process that ends without waiting any longer
// can log it. The zero value is ready for one broker. Its methods may be called concurrently.
type Progress struct {
	mu    sync.Mutex
	doing string       // "" for nothing
	log   *slog.Logger // nil before there is one
	left  []error      // errors of the stop
}

// begin records the current step.
func (p *Progress) begin(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = doing
}

// ended records the end of a step of the stop, and its error.
func (p *Progress) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.left = append(p.left, fmt.Errorf("%s: %w", p.doing, err))
	}
	p.doing = ""
}

// unfinished returns the errors of the stop as an ErrUnfinished, nil for none.
func (p *Progress) unfinished() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.left) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnfinished, errors.Join(p.left...))
}

// logTo sets the broker's logger.
func (p *Progress) logTo(log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = log
}

// Abandon logs that the process ends now for the given reason, and what the broker is doing. It returns false if there
// is no logger yet.
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
