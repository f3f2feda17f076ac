package lifecycle

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/chronik-stream/chronik/core/ports"
)

// parts are parts of a broker, each with its trouble.
type parts struct{ space, logs, standing error }

func (p *parts) Refusal() error  { return p.space }
func (p *parts) Err() error      { return p.logs }
func (p *parts) Ready() error    { return p.standing }
func (p *parts) InSession() bool { return p.standing == nil }

// failedStore is a metadata store that may have failed.
type failedStore struct {
	ports.MetadataStore
	err error
}

func (s *failedStore) Err() error { return s.err }

func TestABrokerIsReadyWhenAllItsPartsAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(parts)
		r := NewReadiness(Health{Space: p, Logs: p, Standing: p})
		unready := func(when, want string) {
			t.Helper()
			if err := r.Ready(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		const notServing = "starting or stopping"
		unready("before the start", notServing)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = r.Run(ctx) }()
		synctest.Wait()
		if err := r.Ready(); err != nil {
			t.Errorf("a healthy broker: %v", err)
		}
		p.standing = errors.New("3 replicas behind")
		unready("replicas are behind", "3 replicas behind")
		p.logs = syscall.EIO
		unready("the disk fails", "look at the disk and restart the broker: input/output error")
		p.space = errors.New("disk full")
		unready("the disk is full", "disk full")
		if err := r.Reading(); err != nil {
			t.Errorf("reading is refused: %v", err)
		}
		cancel()
		synctest.Wait()
		unready("after the stop", notServing)
		if err := r.Reading(); err == nil || !strings.Contains(err.Error(), notServing) {
			t.Errorf("reading after the stop: %v", err)
		}
	})
}

func TestABrokerAloneIsReadyAndInSession(t *testing.T) {
	var alone Standing = Alone{NodeID: 1}
	if err := alone.Ready(); err != nil || !alone.InSession() {
		t.Errorf("ready: %v, in session: %t", err, alone.InSession())
	}
}

func TestABrokerThatCanMakeNothingDurableIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := new(parts), new(failedStore)
		r := NewReadiness(Health{Space: p, Logs: p, Metadata: store, Standing: p})
		go func() { _ = r.Run(t.Context()) }()
		synctest.Wait()
		if err := r.Ready(); err != nil {
			t.Errorf("with a sound disk: %v", err)
		}
		if p.logs = syscall.EIO; !errors.Is(r.Ready(), syscall.EIO) {
			t.Errorf("with a failed one: %v", r.Ready())
		}
		p.logs, store.err = nil, errors.New("input/output error")
		if err := r.Ready(); !errors.Is(err, store.err) || !strings.Contains(err.Error(), "restart the broker") {
			t.Errorf("with metadata that cannot be changed any more: %v", err)
		}
	})
}
