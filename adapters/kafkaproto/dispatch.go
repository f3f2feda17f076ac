package kafkaproto

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
)

// message is the handler of an API whose messages kmsg decodes and encodes.
func message[Req kmsg.Request, Resp kmsg.Response](
	request func() Req, serve func(*exchange, Req) Resp,
) func(*exchange) error {
	return func(x *exchange) error {
		req := request()
		req.SetVersion(x.version)
		cost, err := x.api.schema.Check(x.body, x.version, req.IsFlexible())
		if err != nil {
			return badInput{x.malformed(err)}
		}
		if err := x.charge(cost); err != nil {
			return err
		}
		// kmsg copies strings but not bytes, so a request with bytes needs a copy of its body. Such requests are small.
		body := x.body
		if x.api.schema.HasBytes() {
			body = bytes.Clone(body)
		}
		if err := req.ReadFrom(body); err != nil {
			return badInput{x.malformed(err)}
		}
		x.body = nil
		x.frame.release()
		x.respond(serve(x, req))
		x.conn.ready(x)
		return nil
	}
}

// cheapRequest is the cost, in bytes, up to which a decoded request is not counted, and neither is an answer that is
// made in parts.
const cheapRequest = 64 << 10

// charge reserves memory for a request, or a part of one, that takes cost bytes when decoded. A request that exceeds
// the whole budget is refused.
func (x *exchange) charge(cost int) error {
	x.cost += cost
	switch most := int(x.conn.server.limits.ResponseMemory); {
	case x.cost <= cheapRequest:
		return nil
	case x.cost > most:
		return badInput{x.malformed(fmt.Errorf("it takes over %d bytes of memory to decode, allowed %d", x.cost, most))}
	}
	return x.reserve(cost)
}

// indexAPIs completes the table's entries and puts each at its key.
func indexAPIs(table []api) []*api {
	var byKey []*api
	for i := range table {
		a := &table[i]
		req := kmsg.RequestForKey(a.key)
		if a.name == "" {
			a.name = kmsg.NameForKey(a.key)
		}
		for req.SetVersion(a.flexible); !req.IsFlexible(); req.SetVersion(a.flexible) {
			if a.flexible++; a.flexible > req.MaxVersion() {
				a.flexible = wire.LatestVersion
				break
			}
		}
		for int(a.key) >= len(byKey) {
			byKey = append(byKey, nil)
		}
		byKey[a.key] = a
	}
	return byKey
}

// api returns the API with that key, nil when it is not served.
func (s *Server) api(key int16) *api {
	if key < 0 || int(key) >= len(s.apis) {
		return nil
	}
	a := s.apis[key]
	if a != nil && (a.internal && s.services.Controller == nil || a.clustered && s.services.Voters == nil) {
		return nil
	}
	return s.apis[key]
}

// flexible reports whether requests of this key and version are flexible.
func (s *Server) flexible(key, version int16) bool {
	a := s.api(key)
	return a != nil && version >= a.flexible
}
