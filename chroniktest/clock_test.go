package chroniktest_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik"
	"github.com/chronik-stream/chronik/chroniktest"
)

const day = 24 * time.Hour

func TestRetentionGoesByTheClock(t *testing.T) {
	b := chroniktest.BrokerWith(t, chronik.Options{Configs: map[string]string{"log.retention.hours": "24"}})
	client := connect(t, b)
	produce(t, client, "orders", "old")
	b.Advance(23 * time.Hour)
	if start := startOf(t, client, "orders"); start != 0 {
		t.Errorf("an hour early the log starts at %d", start)
	}
	b.Advance(2 * time.Hour)
	if start := startOf(t, client, "orders"); start != 1 {
		t.Errorf("after retention the log starts at %d", start)
	}
}

func TestTimestampsAreTheClocks(t *testing.T) {
	b := chroniktest.BrokerWith(t,
		chronik.Options{Configs: map[string]string{"log.message.timestamp.type": "LogAppendTime"}})
	b.Advance(365 * day)
	client := connect(t, b, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	produce(t, client, "orders", "from next year")
	for _, r := range client.PollFetches(within(t)).Records() {
		if ahead := time.Until(r.Timestamp); ahead < 364*day || r.Timestamp.After(b.Now()) {
			t.Errorf("the record is from %v, the broker's clock is at %v", r.Timestamp, b.Now())
		}
	}
}

// TestASessionEndsByTheClock joins with single requests, so that no heartbeats are sent.
func TestASessionEndsByTheClock(t *testing.T) {
	b := chroniktest.Broker(t)
	client := connect(t, b)
	join(t, client)
	admin := kadm.NewClient(client)
	state := func() string {
		t.Helper()
		described, err := admin.DescribeGroups(within(t), "readers")
		if err != nil {
			t.Fatal(err)
		}
		return described["readers"].State
	}
	b.Advance(9 * time.Second)
	if got := state(); got != "CompletingRebalance" {
		t.Errorf("a second before the time-out the group is %s", got)
	}
	b.Advance(2 * time.Second)
	if got := state(); got != "Dead" && got != "Empty" {
		t.Errorf("after the time-out the group is %s", got)
	}
}

// join makes a member of the group readers, whose session ends after ten seconds.
func join(t testing.TB, client *kgo.Client) {
	t.Helper()
	req := kmsg.NewPtrJoinGroupRequest()
	req.Group = "readers"
	req.ProtocolType = "consumer"
	req.SessionTimeoutMillis = 10_000
	req.RebalanceTimeoutMillis = 10_000
	req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	for range 2 { // the first answer says under which id to join
		resp, err := req.RequestWith(within(t), client)
		if err != nil {
			t.Fatal(err)
		}
		if req.MemberID = resp.MemberID; resp.ErrorCode == 0 {
			return
		}
	}
	t.Fatal("the member was not let in")
}

func TestCommittedOffsetsExpireByTheClock(t *testing.T) {
	b := chroniktest.BrokerWith(t, chronik.Options{Topics: []chronik.Topic{{Name: "orders"}}})
	admin := kadm.NewClient(connect(t, b))
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: "orders", At: 7})
	if err := admin.CommitAllOffsets(within(t), "readers", offsets); err != nil {
		t.Fatal(err)
	}
	committed := func() int {
		t.Helper()
		got, err := admin.FetchOffsets(within(t), "readers")
		if err != nil {
			t.Fatal(err)
		}
		return len(got.Offsets())
	}
	b.Advance(6 * day)
	if n := committed(); n != 1 {
		t.Errorf("before offsets.retention.minutes %d offsets are committed", n)
	}
	b.Advance(2 * day)
	if n := committed(); n != 0 {
		t.Errorf("after offsets.retention.minutes %d offsets are committed", n)
	}
}

func TestProducersAreForgottenByTheClock(t *testing.T) {
	b := chroniktest.BrokerWith(t, chronik.Options{Configs: map[string]string{"log.retention.hours": "-1"}})
	client := connect(t, b)
	produce(t, client, "orders", "a")
	known := func() int {
		t.Helper()
		var all kadm.TopicsSet
		all.Add("orders", 0)
		got, err := kadm.NewClient(client).DescribeProducers(within(t), all)
		if err != nil {
			t.Fatal(err)
		}
		return len(got.SortedProducers())
	}
	if n := known(); n != 1 {
		t.Errorf("%d producers are known", n)
	}
	b.Advance(2 * day) // producer.id.expiration.ms is one
	if n := known(); n != 0 {
		t.Errorf("%d producers are remembered", n)
	}
}

func TestTheClockDoesNotGoBack(t *testing.T) {
	failing := &failing{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		chroniktest.BrokerWith(failing, chronik.Options{}).Advance(-time.Second)
	}()
	<-ended
	failing.mu.Lock()
	defer failing.mu.Unlock()
	if !failing.failed {
		t.Error("it was moved back")
	}
}

func TestTheClockOfAClosedBrokerMayBeMoved(t *testing.T) {
	b := chroniktest.Broker(t)
	join(t, connect(t, b)) // or there are no groups that could be looked at
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.Advance(day)
}
