package differential

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// world is one broker with the state of a sequence of steps.
type world struct {
	t     *testing.T
	addr  string
	conns map[string]*connection
	// from a broker's own ids to the names that both brokers' have in the comparison
	names   map[string]string
	kept    map[string]string // what steps keep for others: member ids …
	numbers map[string]int64  // … generations, producer ids, session ids
	topic   map[string][16]byte
}

func newWorld(t *testing.T, addr string) *world {
	w := &world{
		t: t, addr: addr, conns: make(map[string]*connection), names: make(map[string]string),
		kept: make(map[string]string), numbers: make(map[string]int64), topic: make(map[string][16]byte),
	}
	t.Cleanup(func() {
		for _, c := range w.conns {
			c.close()
		}
	})
	return w
}

// sessions gives a fetch session's id, which is random, a name.
func (w *world) sessions(id int32) { w.names[strconv.Itoa(int(id))] = "<session>" }

// connection returns the connection of that name, and makes it when needed. Its client id is its name.
func (w *world) connection(name string) *connection {
	if w.conns[name] == nil {
		w.conns[name] = &connection{addr: w.addr, client: "client" + name}
	}
	return w.conns[name]
}

// patience is how long an answer may take.
const patience = 10 * time.Second

// connection sends requests and receives answers, in order.
type connection struct {
	addr, client string
	nc           net.Conn // nil before the first request, and after the broker has closed it
	correlation  int32
	sent         []kmsg.Request // not answered yet
}

// answer is the answer to a request.
type answer struct {
	resp       kmsg.Response // nil when there is none, or the request was a raw frame
	body       []byte        // behind the header
	end        string        // how the connection has ended instead
	unanswered bool          // Produce with acks=0
	err        error
}

func (c *connection) dial() error {
	if c.nc != nil {
		return nil
	}
	nc, err := net.Dial("tcp", c.addr)
	c.nc = nc
	return err
}

func (c *connection) close() {
	if c.nc != nil {
		c.nc.Close()
	}
	c.nc, c.sent = nil, nil
}

func (c *connection) send(req kmsg.Request) error {
	if err := c.dial(); err != nil {
		return err
	}
	c.correlation++
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(c.client)).AppendRequest(nil, req, c.correlation)
	if _, err := c.nc.Write(frame); err != nil {
		c.close()
		return err
	}
	c.sent = append(c.sent, req)
	return nil
}

// receive returns the answer to the oldest request without one.
func (c *connection) receive() answer {
	if len(c.sent) == 0 {
		return answer{end: "was closed before"}
	}
	req := c.sent[0]
	c.sent = c.sent[1:]
	if p, ok := req.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		// There is no answer, but the connection may end; it has not when the next request is answered.
		a := c.callRaw(header(18, 0, ""))
		return answer{unanswered: true, end: a.end}
	}
	body, err := c.readFrame()
	if err != nil {
		c.close()
		return answer{end: endOf(err)}
	}
	r := kbin.Reader{Src: body}
	r.Int32() // the correlation id
	if req.IsFlexible() && req.Key() != 18 {
		kmsg.SkipTags(&r)
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if v, ok := resp.(*kmsg.ApiVersionsResponse); ok && len(r.Src) > 1 && binary.BigEndian.Uint16(r.Src) == 35 {
		v.SetVersion(0)
	}
	if err := resp.ReadFrom(r.Src); err != nil {
		return answer{body: r.Src, err: fmt.Errorf("%s version %d: %w", kmsg.NameForKey(req.Key()), req.GetVersion(), err)}
	}
	return answer{resp: resp, body: r.Src}
}

// callRaw sends a frame as it is and returns what comes back.
func (c *connection) callRaw(frame []byte) answer {
	if err := c.dial(); err != nil {
		return answer{end: endOf(err)}
	}
	c.nc.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)) // a failure shows in the answer
	body, err := c.readFrame()
	if err != nil {
		c.close()
		return answer{end: endOf(err)}
	}
	return answer{body: body}
}

func endOf(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "silence"
	}
	return "closed"
}

func (c *connection) readFrame() ([]byte, error) {
	c.nc.SetReadDeadline(time.Now().Add(patience))
	var size [4]byte
	if _, err := io.ReadFull(c.nc, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(c.nc, body)
	return body, err
}

// canonical reports whether the message's bytes are the plain encoding of its fields: no list is null that must not be,
// and no tagged field has its default.
func (a answer) canonical() bool { return bytes.Equal(a.resp.AppendTo(nil), a.body) }
