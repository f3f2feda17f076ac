package differential

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// sequence is a series of requests that is sent to Apache Kafka and to Chronik, step by step.
type sequence struct {
	name  string
	steps []step
}

// step is one request, sent in every version of its range. The answers are compared field by field.
type step struct {
	name     string
	min, max int16
	request  builder
	// frame replaces request when that is malformed: the bytes that follow the size.
	frame func(w *world, version int16) []byte

	conn  string                             // the name of the connection; "" for the usual one
	keep  func(w *world, resp kmsg.Response) // records what later steps need
	ready func(resp kmsg.Response) bool      // the request is repeated until this holds
	later bool                               // a later step receives the answer
	fate  bool                               // only the connection's fate is compared
}

// builder makes a step's request for one of the brokers, in a version.
type builder func(w *world, version int16) kmsg.Request

// on sends a request in the versions from lowest to highest.
func on(name string, lowest, highest int16, request builder) step {
	return step{name: name, min: lowest, max: highest, request: request}
}

// receive waits for the answer to a request that was sent with unanswered.
func receive(name, conn string) step { return step{name: name, conn: conn} }

// keeping records values of the answer for later steps.
func (s step) keeping(keep func(*world, kmsg.Response)) step { s.keep = keep; return s }

// until repeats the request until ready holds. The last answer counts.
func (s step) until(ready func(kmsg.Response) bool) step { s.ready = ready; return s }

// via sends the request over another connection, whose name is its client id, too.
func (s step) via(conn string) step { s.conn = conn; return s }

// unanswered leaves the answer to a later step.
func (s step) unanswered() step { s.later = true; return s }

// whether compares only if there is an answer.
func (s step) whether() step { s.fate = true; return s }

// TestAnswersAreThoseOfApacheKafka sends the same requests to both brokers and compares the answers. Allowed
// differences are in reviewedDifferences, each with its reason.
func TestAnswersAreThoseOfApacheKafka(t *testing.T) {
	chronik := harness.Start(t, "")
	kafka := startApacheKafka(t)
	sequences := []sequence{
		{"topics", topicSteps},
		{"metadata", metadataSteps},
		{"produce", produceSteps},
		{"codecs", codecSteps},
		{"sizes", sizeSteps},
		{"idempotence", idempotenceSteps},
		{"fetch", fetchSteps},
		{"sessions", sessionSteps},
		{"offsets in logs", logOffsetSteps},
		{"configs", configSteps},
		{"cluster", clusterSteps},
		{"assignments", assignmentSteps},
		{"groups", groupSteps},
		{"members", memberSteps},
		{"committed offsets", committedOffsetSteps},
		{"malformed", malformedSteps},
	}
	review, ran, steps, answers := newReview(reviewedDifferences), 0, 0, 0
	for _, q := range sequences {
		t.Run(q.name, func(t *testing.T) {
			ran++
			theirs, ours := newWorld(t, kafka), newWorld(t, chronik.Addr)
			for _, s := range q.steps {
				steps++
				answers += int(s.max-s.min) + 1
				for _, d := range s.differences(theirs, ours, func(d string) bool { return review.accepts(q.name+"/"+s.name, d) }) {
					t.Errorf("%s %s", s.name, d)
				}
			}
		})
	}
	t.Logf("%d answers compared in %d steps", answers, steps)
	if ran == len(sequences) {
		for _, d := range review.unused() {
			t.Errorf("the reviewed difference of %q at %q does not exist any more (%s)", d.step, d.at, d.why)
		}
	}
}

// differences returns the differences that are not accepted, each with its versions.
func (s step) differences(theirs, ours *world, accepted func(string) bool) []string {
	versions := make(map[string][]string)
	for v := s.min; v <= s.max; v++ {
		want, got := s.send(theirs, v), s.send(ours, v)
		diffs := slices.DeleteFunc(compare(want, got), accepted)
		for deadline := time.Now().Add(patience); len(diffs) > 0 && s.changesNothing(theirs, v) &&
			time.Now().Before(deadline); {
			// Kafka's broker learns of changes after its controller has answered them.
			time.Sleep(5 * time.Millisecond)
			diffs = slices.DeleteFunc(compare(s.send(theirs, v), got), accepted)
		}
		for _, d := range diffs {
			versions[d] = append(versions[d], strconv.Itoa(int(v)))
		}
	}
	var out []string
	for _, d := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, fmt.Sprintf("v%s %s", strings.Join(versions[d], ","), d))
	}
	return out
}

// changesNothing reports whether the step only reads.
func (s step) changesNothing(w *world, version int16) bool {
	if s.request == nil {
		return false
	}
	switch r := s.request(w, version).(type) {
	case *kmsg.MetadataRequest:
		return version >= 4 && !r.AllowAutoTopicCreation
	case *kmsg.DescribeConfigsRequest, *kmsg.ListConfigResourcesRequest, *kmsg.DescribeTopicPartitionsRequest,
		*kmsg.DescribeLogDirsRequest, *kmsg.DescribeGroupsRequest, *kmsg.ListGroupsRequest, *kmsg.DescribeClusterRequest:
		return true
	}
	return false
}

// send sends the step's request to one broker and returns the answer's fields.
func (s step) send(w *world, version int16) fields {
	c := w.connection(s.conn)
	if s.frame != nil {
		a := c.callRaw(s.frame(w, version))
		if s.fate {
			a.body = nil
		}
		return w.fieldsOf(a)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if s.request != nil {
			if err := c.send(s.request(w, version)); err != nil {
				return fields{"connection": endOf(err)}
			}
		}
		if s.later {
			return nil
		}
		a := c.receive()
		if s.ready != nil && (a.resp == nil || !s.ready(a.resp)) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond) // between polls
			continue
		}
		if s.keep != nil && a.resp != nil {
			s.keep(w, a.resp)
		}
		return w.fieldsOf(a)
	}
}
