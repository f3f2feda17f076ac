package chroniktest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/wiring"
)

// Request is a request that has arrived at the broker.
type Request struct {
	kmsg.Request        // in the version that the client has sent
	ClientID     string // the client.id that the client has sent
	Client       string // its IP address
	Listener     string // the name of the listener at which it has arrived

	cluster func() *kmsg.MetadataResponse // see wiring.Request
	// preliminary is set when the answer only makes the client send the request again: Times does not count it.
	preliminary bool
}

// Hook decides about a request. A response, which must be of the request's API, is sent to the client; an error closes
// the client's connection without a response. If it returns neither, the next hook is called, and after the last one
// the broker serves the request. ctx ends when the client disconnects or the broker is closed. Until the hook returns,
// the client's later requests on the same connection wait, as with a slow broker.
type Hook func(ctx context.Context, r *Request) (kmsg.Response, error)

// Hook adds a hook for every request of an API from now on, after the existing ones, until remove is called. It is not
// called for ApiVersions in a version that the broker does not know, by which clients find the versions that it does
// know, nor for a large Produce that had begun to arrive before.
//
// A Fetch names what has changed in the client's fetch session (KIP-227), which may be nothing. A hook that looks for a
// partition gets all of them named where the config max.incremental.fetch.session.cache.slots is 0.
func (b *TestBroker) Hook(api kmsg.Key, hook Hook) (remove func()) {
	return b.hooks.add(api, hook)
}

// Answer answers with the response that respond returns. req.ResponseKind() returns an empty response to begin with.
func Answer(respond func(req kmsg.Request) kmsg.Response) Hook {
	return func(_ context.Context, r *Request) (kmsg.Response, error) { return respond(r.Request), nil }
}

// Delay delays the request before the next hook, or the broker, gets it.
func Delay(d time.Duration) Hook {
	return func(ctx context.Context, _ *Request) (kmsg.Response, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Hold delays the request until the channel is closed or receives a value.
func Hold(until <-chan struct{}) Hook {
	return func(ctx context.Context, _ *Request) (kmsg.Response, error) {
		select {
		case <-until:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Fail answers with an error wherever the response has room for one: the request as a whole, and each topic, partition,
// group or resource in it. The broker does nothing.
//
// A Fetch of an incremental fetch session (KIP-227) does not name all the partitions that its client wants. It is
// answered with FETCH_SESSION_ID_NOT_FOUND, and the client's next Fetch, which names all of them, with err. Times does
// not count the first.
func Fail(err *kerr.Error) Hook {
	return func(_ context.Context, r *Request) (kmsg.Response, error) {
		switch req := r.Request.(type) {
		case *kmsg.FetchRequest:
			if isSessionError(err) {
				return failedSession(req, err), nil
			}
			if req.SessionEpoch > 0 {
				r.preliminary = true
				return failedSession(req, kerr.FetchSessionIDNotFound), nil
			}
		case *kmsg.MetadataRequest:
			return failedMetadata(req, r.cluster(), err), nil
		}
		return failed(r.Request, err), nil
	}
}

// Disconnect closes the client's connection. The broker does nothing.
func Disconnect() Hook {
	return func(context.Context, *Request) (kmsg.Response, error) { return nil, errDisconnect }
}

var errDisconnect = errors.New("disconnected by a hook")

// LoseAnswer lets the broker serve the request and then closes the client's connection instead of sending the response.
// The client cannot know whether the request was served.
func LoseAnswer() Hook {
	return func(context.Context, *Request) (kmsg.Response, error) { return nil, wiring.ErrLoseAnswer }
}

// Times applies hook to the first n requests only. It counts every request for which it is called: Times(1, Only(meant,
// hook)) is used up by a request that is not meant, Only(meant, Times(1, hook)) is not.
func Times(n int, hook Hook) Hook {
	var mu sync.Mutex
	return func(ctx context.Context, r *Request) (kmsg.Response, error) {
		mu.Lock()
		n--
		over := n < 0
		mu.Unlock()
		if over {
			return nil, nil
		}
		resp, err := hook(ctx, r)
		if r.preliminary {
			mu.Lock()
			n++
			mu.Unlock()
		}
		return resp, err
	}
}

// Only applies hook to the requests for which meant returns true.
func Only(meant func(r *Request) bool, hook Hook) Hook {
	return func(ctx context.Context, r *Request) (kmsg.Response, error) {
		if !meant(r) {
			return nil, nil
		}
		return hook(ctx, r)
	}
}

// hooks are a broker's. The zero value has none.
type hooks struct {
	mu    sync.Mutex
	byAPI map[int16][]*Hook
}

func (h *hooks) add(api kmsg.Key, hook Hook) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byAPI == nil {
		h.byAPI = map[int16][]*Hook{}
	}
	key, added := api.Int16(), &hook
	h.byAPI[key] = append(h.byAPI[key], added)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.byAPI[key] = slices.DeleteFunc(h.byAPI[key], func(other *Hook) bool { return other == added })
	}
}

// of returns the hooks of an API as they are now.
func (h *hooks) of(key int16) []*Hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.byAPI[key])
}

// Wants implements kafkaproto.Interceptor.
func (h *hooks) Wants(key int16) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.byAPI[key]) > 0
}

// Intercept implements kafkaproto.Interceptor: it calls the hooks for a request.
func (h *hooks) Intercept(ctx context.Context, r *wiring.Request) (kmsg.Response, error) {
	asked := h.of(r.Key)
	message, err := r.Decode()
	if err != nil {
		return nil, err
	}
	req := &Request{
		Request: message, ClientID: r.ClientID, Client: r.Client, Listener: r.Listener, cluster: r.Cluster,
	}
	for _, hook := range asked {
		resp, err := run(ctx, *hook, req)
		if resp != nil || err != nil {
			return resp, err
		}
	}
	return nil, nil
}

// errUnfinished is the error of a hook that did not return.
var errUnfinished = errors.New("the hook has ended the goroutine")

// run runs a hook in a goroutine of its own. If the hook calls t.FailNow, which it should not, that ends this goroutine
// and not the connection's, whose other requests would wait for ever.
func run(ctx context.Context, hook Hook, r *Request) (kmsg.Response, error) {
	var resp kmsg.Response
	err := errUnfinished
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		resp, err = hook(ctx, r)
	}()
	<-ended
	return resp, err
}
