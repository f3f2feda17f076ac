package kafkaproto

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Interceptor sees requests before they are served. Its methods are called concurrently.
type Interceptor interface {
	// Wants reports whether Intercept is to be called for the requests of an API from now on.
	Wants(key int16) bool
	// Intercept is called by the goroutine of the request's connection: while it waits, the connection's next requests
	// wait, too. It may return a response of the request's API, which is then the answer. With neither a response nor an
	// error the request is served normally. With ErrLoseAnswer it is served, and the connection is closed instead of
	// sending the answer; any other error closes the connection at once. ctx ends when the client disconnects or the
	// server stops.
	Intercept(ctx context.Context, r *Request) (kmsg.Response, error)
}

// intercepts reports whether the server's interceptor wants the requests of an API.
func (s *Server) intercepts(key int16) bool { return s.interceptor != nil && s.interceptor.Wants(key) }

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
	exchange     *exchange
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

// Cluster returns an answer to Metadata with the brokers, as this client reaches them, and the names and ids of all
// topics, without their partitions. It must not be called after Intercept has returned.
func (r *Request) Cluster() *kmsg.MetadataResponse {
	img := r.exchange.view()
	resp := r.exchange.describeBrokers(img)
	for t := range img.ListedTopics("") {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID, topic.IsInternal = &t.Name, t.ID, metadata.IsInternal(t.Name)
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// intercepted reports whether the server's interceptor has answered x. An error ends the connection.
func (x *exchange) intercepted() (bool, error) {
	r := Request{
		Key: x.api.key, Version: x.version, ClientID: x.clientID, Client: x.conn.remote, Listener: x.conn.listener.name,
		body: x.body, exchange: x,
	}
	ctx, stop := x.waiting(true)
	resp, err := x.conn.server.interceptor.Intercept(ctx, &r)
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
