package kafkaproto

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Intercept is called for every request before it is served, by the goroutine of its connection: while it waits, the
// connection's next requests wait, too. It may return a response of the request's API, which is then the answer. With
// neither a response nor an error the request is served normally. With ErrLoseAnswer it is served, and the connection
// is closed instead of sending the answer; any other error closes the connection at once. ctx ends when the client
// disconnects or the server stops.
type Intercept func(ctx context.Context, r *Request) (kmsg.Response, error)

// ErrLoseAnswer is what Intercept returns to have a request served without its client getting the answer.
var ErrLoseAnswer = errors.New("the answer is lost")

// errHungUp ends a connection that Intercept closes.
var errHungUp = errors.New("closed by the interceptor")

// Request is a request that is not served yet.
type Request struct {
	Key, Version int16
	ClientID     string
	Client       string // the client's IP address
	Listener     string // the name of the listener of the client's connection
	body         []byte
}

// Decode returns the request's message, which the caller owns.
func (r *Request) Decode() (kmsg.Request, error) {
	req := kmsg.RequestForKey(r.Key)
	if req == nil {
		return nil, fmt.Errorf("no message has the API key %d", r.Key)
	}
	req.SetVersion(r.Version)
	if err := req.ReadFrom(bytes.Clone(r.body)); err != nil {
		return nil, fmt.Errorf("%s version %d: %w", kmsg.NameForKey(r.Key), r.Version, err)
	}
	return req, nil
}

// intercepted reports whether the server's interceptor has answered x. An error ends the connection.
func (x *exchange) intercepted() (bool, error) {
	r := Request{
		Key: x.api.key, Version: x.version, ClientID: x.clientID, Client: x.conn.remote, Listener: x.conn.listener.name,
		body: x.body,
	}
	ctx, stop := x.waiting(true)
	resp, err := x.conn.server.intercept(ctx, &r)
	stop()
	switch {
	case errors.Is(err, ErrLoseAnswer):
		x.lost = true
		return false, nil
	case err != nil:
		return false, errHungUp
	case ctx.Err() != nil:
		return false, ctx.Err()
	case resp == nil:
		return false, nil
	case resp.Key() != x.api.key:
		return false, fmt.Errorf("the interceptor answers %s with a %T", x.api.name, resp)
	}
	x.silent = wantsNoAnswer(&r)
	x.body = nil
	x.frame.release()
	x.respond(resp)
	x.conn.ready(x)
	return true, nil
}

// wantsNoAnswer reports whether a request has no answer: Produce with acks=0.
func wantsNoAnswer(r *Request) bool {
	if r.Key != produceKey {
		return false
	}
	req, err := r.Decode()
	return err == nil && req.(*kmsg.ProduceRequest).Acks == 0
}
