package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/chronik-stream/chronik/core/ports"
)

// Standing is a broker's place in its cluster.
type Standing interface {
	// Ready returns why the cluster should not rely on this broker yet, nil when it may.
	Ready() error
	// InSession reports whether the metadata's leader answers this broker's heartbeats.
	InSession() bool
}

// Health are the parts of a broker without which it cannot serve everything.
type Health struct {
	Space    interface{ Refusal() error } // why clients' records are refused for want of space, nil while they are taken
	Logs     interface{ Err() error }     // why nothing can be made durable any more, nil otherwise
	Metadata ports.MetadataStore
	Standing Standing
}

// Failing is a metadata store that goes on without taking commands after its disk has failed. The store of a node in a
// cluster is none: the node ends then.
type Failing interface {
	// Err returns why no command can be committed any more, nil while they can. Only a restart helps.
	Err() error
}

// Readiness decides whether clients can be sent to this broker. Its methods may be called concurrently.
type Readiness struct {
	health  Health
	serving atomic.Bool
}

// NewReadiness returns the readiness of a broker that does not serve yet.
func NewReadiness(h Health) *Readiness { return &Readiness{health: h} }

// Run marks the broker as serving until ctx ends. It is the last of the broker's parts to start and the first to stop.
func (r *Readiness) Run(ctx context.Context) error {
	r.serving.Store(true)
	<-ctx.Done()
	r.serving.Store(false)
	return nil
}

// Reading returns the reason why not even consumers can be served, nil for none. They can be without space, and without
// a leader of the metadata.
func (r *Readiness) Reading() error {
	if !r.serving.Load() {
		return errors.New("the broker is starting or stopping")
	}
	return nil
}

// Ready returns the reason why the broker cannot do everything that a healthy broker does, nil for none. A rolling
// restart waits for it before it stops the next broker.
func (r *Readiness) Ready() error {
	if err := r.Reading(); err != nil {
		return err
	}
	if err := r.health.Space.Refusal(); err != nil {
		return err
	}
	if err := r.health.Logs.Err(); err != nil {
		return fmt.Errorf("nothing can be made durable any more, look at the disk and restart the broker: %w", err)
	}
	if s, ok := r.health.Metadata.(Failing); ok && s.Err() != nil {
		return fmt.Errorf("metadata cannot be changed any more, look at the disk and restart the broker: %w", s.Err())
	}
	return r.health.Standing.Ready()
}
