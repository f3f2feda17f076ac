package kafkaadmin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaclient"
	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Settings say which cluster to administer and how. All of them are required.
type Settings struct {
	Bootstrap []string    // host:port of nodes to begin with
	Step      int         // how many partitions are moved at once
	Report    func(Event) // receives what happens, as it happens
}

// Admin administers a cluster. It is for one goroutine.
type Admin struct {
	settings Settings
	brokers  map[int32]string // addresses, as far as they are known
	conns    map[string]*kafkaclient.Conn
	avoid    int32         // a node that is not asked, -1 for none
	interval time.Duration // between two polls of what is waited for
	patience time.Duration // how long a wait in insist is not reported
}

// New returns an Admin that has not connected to anything yet.
func New(s Settings) *Admin {
	return &Admin{
		settings: s,
		brokers:  map[int32]string{},
		conns:    map[string]*kafkaclient.Conn{},
		avoid:    -1,
		interval: interval,
		patience: patience,
	}
}

// Close ends the connections.
func (a *Admin) Close() {
	for _, c := range a.conns {
		c.Close()
	}
	clear(a.conns)
}

// addresses returns the known addresses of nodes, those with a connection first.
func (a *Admin) addresses() []string {
	var all []string
	for id, address := range a.brokers {
		if id != a.avoid {
			all = append(all, address)
		}
	}
	slices.Sort(all)
	for _, address := range a.settings.Bootstrap {
		if avoided, known := a.brokers[a.avoid]; !slices.Contains(all, address) && (!known || address != avoided) {
			all = append([]string{address}, all...)
		}
	}
	slices.SortStableFunc(all, func(x, y string) int {
		switch {
		case a.conns[x] != nil && a.conns[y] == nil:
			return -1
		case a.conns[x] == nil && a.conns[y] != nil:
			return 1
		}
		return 0
	})
	return all
}

// at returns the node at an address, for requests that only this node can answer.
func (a *Admin) at(address string) kmsg.Requestor { return node{a, address} }

// Request sends req to any node that can be reached. It implements kmsg.Requestor.
func (a *Admin) Request(ctx context.Context, req kmsg.Request) (kmsg.Response, error) {
	var failed error
	for _, address := range a.addresses() {
		resp, err := a.at(address).Request(ctx, req)
		if err == nil || errors.Is(err, kafkaclient.ErrNotServed) || ctx.Err() != nil {
			return resp, err
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

const (
	// interval is the time between two polls of what is waited for.
	interval = 250 * time.Millisecond
	// patience is longer than the election of another leader of the metadata takes.
	patience = 5 * time.Second
)

// pause waits until the next poll, and returns an error when ctx ends.
func (a *Admin) pause(ctx context.Context) error {
	timer := time.NewTimer(a.interval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// insist calls do until it succeeds or fails permanently. It retries what fails because the metadata has no leader for
// a moment, or because another change came in between. When that takes long, it reports why, and again when the reason
// changes.
func (a *Admin) insist(ctx context.Context, do func() error) error {
	began, reported := time.Now(), ""
	for {
		err := do()
		if !fault.NoController(err) && !errors.Is(err, fault.InvalidUpdateVersion) {
			return err
		}
		if time.Since(began) >= a.patience && err.Error() != reported {
			reported = err.Error()
			a.settings.Report(AwaitingCluster{err})
		}
		if ended := a.pause(ctx); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// failure returns the error of an answer, nil for code 0.
func failure(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	meaning := kerr.ErrorForCode(code)
	text := meaning.Error()
	if message != nil && *message != "" {
		text = *message + ": " + text
	}
	return &fault.Error{Kind: fault.KindOf(kafkaerrors.Fault(code, nil)), Detail: text, Cause: meaning}
}
