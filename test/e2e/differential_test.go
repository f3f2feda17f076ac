package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// step is one request that is sent to Apache Kafka and to Chronik, in every version of the range, and whose answers
// are compared field by field.
type step struct {
	name     string
	min, max int16
	request  func(w *world, version int16) kmsg.Request
	after    func(w *world, resp kmsg.Response) // keeps what later steps need; nil for nothing
}

// difference is a field whose answers may differ, and why.
type difference struct {
	step, path string // regular expressions
	why        string
}

// world is one broker as a sequence of steps sees it: what it was given there has names of its own.
type world struct {
	t          *testing.T
	addr       string
	conn       net.Conn
	next       int32
	names      map[string]string // by the broker's own words for a thing: what both brokers' things are called in the comparison
	kept       map[string]string
	topic      map[string][16]byte
	generation int32
}

func newWorld(t *testing.T, addr string) *world {
	return &world{t: t, addr: addr, names: make(map[string]string), kept: make(map[string]string), topic: make(map[string][16]byte)}
}

// call sends one request and returns the answer, or an error when the connection was closed instead.
func (w *world) call(req kmsg.Request) (kmsg.Response, error) {
	if w.conn == nil {
		conn, err := net.Dial("tcp", w.addr)
		if err != nil {
			return nil, err
		}
		w.conn = conn
	}
	resp, err := w.exchange(req)
	if err != nil {
		w.conn.Close()
		w.conn = nil
	}
	return resp, err
}

func (w *world) exchange(req kmsg.Request) (kmsg.Response, error) {
	w.next++
	client := "differential"
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID(client)).AppendRequest(nil, req, w.next)
	w.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := w.conn.Write(frame); err != nil {
		return nil, err
	}
	if p, ok := req.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		return nil, nil
	}
	var size [4]byte
	if _, err := io.ReadFull(w.conn, size[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(w.conn, body); err != nil {
		return nil, err
	}
	r := kbin.Reader{Src: body}
	if got := r.Int32(); got != w.next {
		return nil, fmt.Errorf("answer %d to request %d", got, w.next)
	}
	if req.IsFlexible() && req.Key() != 18 {
		kmsg.SkipTags(&r)
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if err := resp.ReadFrom(r.Src); err != nil {
		return nil, fmt.Errorf("decode the answer to %s v%d: %w", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	return resp, nil
}

// flatten lists a message's fields as path → value.
func (w *world) flatten(path string, v reflect.Value, into map[string]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			into[path] = "null"
			return
		}
		w.flatten(path, v.Elem(), into)
	case reflect.Struct:
		w.learn(v)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name == "UnknownTags" || f.Name == "Version" || !f.IsExported() {
				continue
			}
			w.flatten(path+"."+f.Name, v.Field(i), into)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			into[path] = fmt.Sprintf("%x", v.Bytes())
			return
		}
		if v.IsNil() {
			into[path] = "null"
		}
		into[path+".len"] = strconv.Itoa(v.Len())
		for i := range v.Len() {
			w.flatten(fmt.Sprintf("%s[%s]", path, elementName(v.Index(i), i)), v.Index(i), into)
		}
	case reflect.Array:
		into[path] = w.canonical(fmt.Sprintf("%x", v.Interface()))
	default:
		into[path] = w.canonical(fmt.Sprint(v.Interface()))
	}
}

// elementName is what an element of a list is called: by its place, or by its name where the order means nothing.
func elementName(e reflect.Value, i int) string {
	switch e := e.Interface().(type) {
	case kmsg.DescribeConfigsResponseResourceConfig:
		return e.Name
	case kmsg.CreateTopicsResponseTopicConfig:
		return e.Name
	case kmsg.ListGroupsResponseGroup:
		return e.Group
	}
	return strconv.Itoa(i)
}

// learn takes note of a topic's id wherever it stands beside the topic's name.
func (w *world) learn(v reflect.Value) {
	name, id := v.FieldByName("Topic"), v.FieldByName("TopicID")
	if !name.IsValid() || !id.IsValid() || id.IsZero() {
		return
	}
	if name.Kind() == reflect.Pointer {
		if name.IsNil() {
			return
		}
		name = name.Elem()
	}
	if name.String() != "" {
		w.topic[name.String()] = id.Interface().([16]byte)
		w.names[fmt.Sprintf("%x", id.Interface())] = "<id of " + name.String() + ">"
	}
}

var now = regexp.MustCompile(`\b1[789]\d{11}\b`)

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// canonical replaces what differs between any two brokers by what it stands for.
func (w *world) canonical(value string) string {
	for own, common := range w.names {
		value = strings.ReplaceAll(value, own, common)
	}
	return now.ReplaceAllString(uuid.ReplaceAllString(value, "<uuid>"), "<now>")
}

// compare returns the fields in which two answers differ.
func compare(kafka, chronik map[string]string) []string {
	var diffs []string
	for path, want := range kafka {
		if got, ok := chronik[path]; !ok {
			diffs = append(diffs, fmt.Sprintf("%s: Kafka has %s, Chronik nothing", path, want))
		} else if got != want {
			diffs = append(diffs, fmt.Sprintf("%s: Kafka has %s, Chronik %s", path, want, got))
		}
	}
	for path, got := range chronik {
		if _, ok := kafka[path]; !ok {
			diffs = append(diffs, fmt.Sprintf("%s: Kafka has nothing, Chronik %s", path, got))
		}
	}
	slices.Sort(diffs)
	return diffs
}

// TestAnswersAreThoseOfApacheKafka sends the same requests to both brokers and compares the answers. What may differ stands in
// intendedDifferences, with its reason.
func TestAnswersAreThoseOfApacheKafka(t *testing.T) {
	skipInShortMode(t)
	chronik := start(t, "")
	kafka := startApacheKafka(t)
	for _, sequence := range differentialSequences {
		t.Run(sequence.name, func(t *testing.T) {
			theirs, ours := newWorld(t, kafka), newWorld(t, chronik.addr)
			for _, s := range sequence.steps {
				for version := s.min; version <= s.max; version++ {
					label := fmt.Sprintf("%s/%s v%d", sequence.name, s.name, version)
					want, wantErr := theirs.call(s.request(theirs, version))
					got, gotErr := ours.call(s.request(ours, version))
					if (wantErr == nil) != (gotErr == nil) {
						t.Errorf("%s: Kafka's error is %v, Chronik's %v", label, wantErr, gotErr)
						continue
					}
					if wantErr != nil {
						if !errors.Is(wantErr, io.EOF) && !strings.Contains(wantErr.Error(), "reset") {
							t.Logf("%s: both end with %v and %v", label, wantErr, gotErr)
						}
						continue
					}
					if want == nil {
						continue
					}
					if s.after != nil {
						s.after(theirs, want)
						s.after(ours, got)
					}
					a, b := make(map[string]string), make(map[string]string)
					theirs.flatten("", reflect.ValueOf(want), a)
					ours.flatten("", reflect.ValueOf(got), b)
					for _, d := range compare(a, b) {
						if !intended(label, d) {
							t.Errorf("%s: %s", label, d)
						}
					}
				}
			}
		})
	}
}

// intended reports whether a difference is one of those that were reviewed.
func intended(label, diff string) bool {
	for _, d := range intendedDifferences {
		if regexp.MustCompile(d.step).MatchString(label) && regexp.MustCompile(d.path).MatchString(diff) {
			return true
		}
	}
	return false
}

// startApacheKafka runs the real broker and returns its address.
func startApacheKafka(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	command(t, "", "kafka/kafka", "fetch")
	cmd := exec.Command("kafka/kafka", "broker", t.TempDir(), strconv.Itoa(port))
	log := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(time.Minute); ; {
		w := newWorld(t, addr)
		if resp, err := w.call(kmsg.NewPtrMetadataRequest()); err == nil && len(resp.(*kmsg.MetadataResponse).Brokers) == 1 {
			w.conn.Close()
			return addr
		}
		select {
		case <-ended:
			t.Fatalf("Apache Kafka ended at its start:\n%s", log.tail(4000))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("Apache Kafka does not start:\n%s", log.tail(4000))
		}
	}
}
