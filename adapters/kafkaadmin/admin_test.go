package kafkaadmin

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/layout"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// viewOf is a cluster with these voters, of which some are in service.
func viewOf(voters []int32, alive ...int32) *view {
	v := &view{voters: voters, leader: alive[0]}
	for _, id := range alive {
		v.brokers = append(v.brokers, kmsg.DescribeClusterResponseBroker{NodeID: id})
	}
	return v
}

func TestANodeStaysWithoutWhichThereIsNoMajority(t *testing.T) {
	for _, c := range []struct {
		voters, alive []int32
		node          int32
		refused       bool
	}{
		{[]int32{1, 2, 3}, []int32{1, 2, 3}, 3, false},
		{[]int32{1, 2, 3}, []int32{1, 2}, 3, false},
		{[]int32{1, 2, 3}, []int32{1, 2}, 2, true},
		{[]int32{1, 2, 3}, []int32{1, 2}, 4, false}, // has no vote
		{[]int32{1}, []int32{1}, 1, true},
		{[]int32{1, 2, 3, 4, 5}, []int32{1, 2, 3}, 3, true},
		{[]int32{1, 2, 3, 4, 5}, []int32{1, 2, 3}, 5, false},
	} {
		if err := viewOf(c.voters, c.alive...).checkMajority(c.node); (err != nil) != c.refused {
			t.Errorf("voters %v, in service %v, without %d: %v", c.voters, c.alive, c.node, err)
		}
	}
}

func TestARefusalNamesWhatIsInTheWay(t *testing.T) {
	stuck := []layout.Stuck{{Topic: "alone", Index: 0, Lost: true}}
	for n := range int32(7) {
		stuck = append(stuck, layout.Stuck{Topic: "full", Index: n})
	}
	err := refusal(3, stuck, false)
	for _, part := range []string{
		"full-0, full-1, full-2, full-3, full-4 and 2 more: add a node first", "only node 3 has all of alone-0",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is missing in: %v", part, err)
		}
	}
	if refusal(3, stuck, true) != nil || refusal(3, nil, false) != nil {
		t.Error("it is refused with force, or for no reason")
	}
}

func TestOnlyWhatMayPassIsInsistedOn(t *testing.T) {
	for _, c := range []struct {
		err   error
		tries int
	}{
		{failure(kerr.NotController.Code, nil), 2},
		{failure(kerr.RequestTimedOut.Code, nil), 2},
		{failure(kerr.InvalidUpdateVersion.Code, nil), 2},
		{failure(kerr.InvalidRequest.Code, nil), 1},
		{nil, 1},
	} {
		tries := 0
		err := quick().insist(t.Context(), func() error {
			if tries++; tries > 1 {
				return nil
			}
			return c.err
		})
		if tries != c.tries || c.tries == 2 && err != nil || c.tries == 1 && !errors.Is(err, c.err) {
			t.Errorf("%v: %d tries, %v", c.err, tries, err)
		}
	}
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	err := quick().insist(ctx, func() error { return failure(kerr.NotController.Code, nil) })
	if !errors.Is(err, enough) || !errors.Is(err, kerr.NotController) {
		t.Errorf("in the end: %v", err)
	}
}

func TestAWaitThatTakesLongIsReportedWithEachReason(t *testing.T) {
	var events []Event
	a := New(Settings{Report: func(e Event) { events = append(events, e) }})
	a.interval, a.patience = time.Millisecond, 0
	noLeader, changed := failure(kerr.NotController.Code, nil), failure(kerr.InvalidUpdateVersion.Code, nil)
	answers := []error{noLeader, noLeader, changed, changed, nil}
	take := func() error {
		next := answers[0]
		answers = answers[1:]
		return next
	}
	if err := a.insist(t.Context(), take); err != nil {
		t.Fatal(err)
	}
	if want := []Event{AwaitingCluster{noLeader}, AwaitingCluster{changed}}; !slices.Equal(events, want) {
		t.Errorf("reported are %v, want %v", events, want)
	}
	events, a.patience, answers = nil, time.Hour, []error{noLeader, nil}
	if err := a.insist(t.Context(), take); err != nil || len(events) > 0 {
		t.Errorf("after a moment %v are reported, and %v", events, err)
	}
}

func TestAStatusThatCannotBeReadSaysWhatEachNodeAnswers(t *testing.T) {
	c := startCluster(t, 3)
	a, _ := c.admin()
	if _, err := a.Status(soon(t), time.Minute); err != nil { // so that the addresses are known
		t.Fatal(err)
	}
	c.running[3].Stop()
	c.mu.Lock()
	c.lost = true
	c.mu.Unlock()
	_, err := a.Status(soon(t), 50*time.Millisecond)
	if err == nil {
		t.Fatal("a cluster without a majority has a status")
	}
	for _, want := range []string{
		"no status within 50ms",
		c.addresses[1] + ": describe the quorum: no majority at node 1",
		c.addresses[2] + ": describe the quorum: no majority at node 2",
		c.addresses[3] + ": ",
		"refused",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestAnyNodeThatAnswersIsUsed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	l.Close()
	a := New(Settings{Bootstrap: []string{gone}, Step: 1})
	defer a.Close()
	if _, err := a.Status(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Status() = %v", err)
	}
	a.brokers, a.avoid = map[int32]string{1: "b1:1", 2: "b2:2", 3: gone}, 3
	if got := a.addresses(); strings.Join(got, " ") != "b1:1 b2:2" {
		t.Errorf("asked are %v", got)
	}
}

func TestAStatusCountsTheTopicsThatAreListed(t *testing.T) {
	v := viewOf([]int32{1}, 1)
	for _, name := range []string{metadata.MetaTopic, "orders"} {
		v.topics = append(v.topics, kmsg.MetadataResponseTopic{
			Topic:      &name,
			Partitions: []kmsg.MetadataResponseTopicPartition{{Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1}}},
		})
	}
	got := New(Settings{}).statusOf(v)
	want := &Status{MetadataLeader: 1, Topics: 1, Partitions: 1, UnderReplicated: 1, Nodes: []Node{
		{ID: 1, State: "in service", Quorum: "leader", Holds: 2, Leads: 2},
		{ID: 2, State: "not registered", Quorum: "none", Holds: 2, Behind: 2},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheErrorOfAStartingNodePointsToItsLog(t *testing.T) {
	starting, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer starting.Close()
	go func() {
		if c, err := starting.Accept(); err == nil {
			c.Close()
		}
	}()
	_, err = dial(t.Context(), starting.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "its log says what it waits for") {
		t.Errorf("dial() = %v", err)
	}
}

// TestAConnectionIsClosedWhenItIsNotUsedAgain has a request's context end before the request is sent.
func TestAConnectionIsClosedWhenItIsNotUsedAgain(t *testing.T) {
	a, _ := startCluster(t, 1).admin()
	if _, err := a.Request(soon(t), kmsg.NewPtrDescribeClusterRequest()); err != nil {
		t.Fatal(err)
	}
	conn := a.conns[a.settings.Bootstrap[0]]
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Request(ended, kmsg.NewPtrDescribeClusterRequest()); !errors.Is(err, context.Canceled) {
		t.Errorf("Request() = %v", err)
	}
	if _, err := conn.Request(soon(t), kmsg.NewPtrDescribeClusterRequest()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection that was given up answers %v", err)
	}
	if _, err := a.Request(soon(t), kmsg.NewPtrDescribeClusterRequest()); err != nil {
		t.Errorf("over another connection: %v", err)
	}
}
