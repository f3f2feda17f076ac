//go:build raft

package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/authority"
	"github.com/chronik-stream/chronik/test/harness"
)

// certify makes certificates for nodes 1 to 3, each for its node only, and returns the nodes' arguments.
func certify(t *testing.T, a *authority.Authority) []string {
	t.Helper()
	for id := 1; id <= 3; id++ {
		a.Node(t, fmt.Sprintf("node%d", id), authority.WithURI(fmt.Sprintf("chronik://node/%d", id)))
	}
	file := func(name string) string { return filepath.Join(filepath.Dir(a.CAFile), name) }
	return []string{
		"--set", "cluster.ca_file=" + a.CAFile, "--set", "cluster.cert_file=" + file("node{id}.pem"), "--set",
		"cluster.key_file=" + file("node{id}.key"),
	}
}

// impostor fetches from a partition's leader by a plain connection, under any replica id.
type impostor struct {
	leader *harness.Node
	topic  [16]byte
	epoch  int32 // the leader's
}

// fetch is one request, of a consumer if replica is below 0. It returns the error of the whole, and the partition's
// answer if there is one.
func (i impostor) fetch(
	t *testing.T, replica int32, brokerEpoch, offset int64,
) (code int16, p kmsg.FetchResponseTopicPartition) {
	t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(17)
	req.MaxBytes = 1 << 20
	if replica >= 0 {
		req.ReplicaState.ID, req.ReplicaState.Epoch = replica, brokerEpoch
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.CurrentLeaderEpoch, part.LastFetchedEpoch = i.epoch, i.epoch
	part.FetchOffset, part.PartitionMaxBytes = offset, 1<<20
	req.Topics = []kmsg.FetchRequestTopic{{TopicID: i.topic, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
	resp, err := harness.Request(t, i.leader.Addr, req)
	if err != nil {
		t.Fatal(err)
	}
	f := resp.(*kmsg.FetchResponse)
	if len(f.Topics) == 1 && len(f.Topics[0].Partitions) == 1 {
		p = f.Topics[0].Partitions[0]
	}
	return f.ErrorCode, p
}

// brokerEpoch finds the epoch under which a follower is registered, by trying. ok is false when the leader has lost the
// leadership.
func (i impostor) brokerEpoch(t *testing.T, replica int32, end int64) (epoch int64, ok bool) {
	t.Helper()
	for epoch := range int64(500) {
		code, p := i.fetch(t, replica, epoch, end)
		if code != 0 || p.ErrorCode != kerr.StaleBrokerEpoch.Code {
			return epoch, code != 0 || p.ErrorCode == 0
		}
	}
	t.Fatalf("broker %d has no epoch", replica)
	return -1, false
}

// produce has the leader append a record with acks=1. It reports whether that succeeded.
func (i impostor) produce(t *testing.T) bool {
	t.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(13)
	req.Acks, req.TimeoutMillis = 1, 1000
	topic, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	part.Records = harness.Batch("not replicated")
	topic.TopicID, topic.Partitions = i.topic, append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := harness.Request(t, i.leader.Addr, req)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0
}

// attack pauses a partition's followers, has its leader append a record, and acknowledges it in their name. It returns
// how far the high watermark has risen, and the answer to the impostor. ok is false when the leader has lost the
// leadership, which happens soon without its followers.
func attack(t *testing.T, c *harness.Cluster, topic string) (risen int64, code int16, ok bool) {
	t.Helper()
	c.AwaitAll(t)
	c.AwaitInSync(t, topic)
	i := impostor{leader: c.Leader(t, topic, 0)}
	m := i.leader.Metadata(t, topic)
	if harness.Partitions(m) == nil {
		return 0, 0, false
	}
	i.topic, i.epoch = m.Topics[0].TopicID, harness.Partitions(m)[0].LeaderEpoch
	_, before := i.fetch(t, -1, -1, 0)
	if before.ErrorCode != 0 {
		return 0, 0, false
	}
	end := before.HighWatermark
	epochs := map[int32]int64{}
	for _, n := range c.Nodes {
		if n == i.leader {
			continue
		}
		if epochs[n.ID], ok = i.brokerEpoch(t, n.ID, end); !ok {
			return 0, 0, false
		}
	}
	for id := range epochs {
		c.Nodes[id-1].Pause()
		defer c.Nodes[id-1].Resume()
	}
	if !i.produce(t) {
		return 0, 0, false
	}
	// More than once: a fetch that a follower has sent just before it was paused may come between, with its real
	// offset.
	for tries := 0; risen == 0 && tries < 5; tries++ {
		for id, epoch := range epochs {
			code, _ = i.fetch(t, id, epoch, end+1)
		}
		_, after := i.fetch(t, -1, -1, end)
		if after.ErrorCode != 0 {
			return 0, code, false
		}
		risen = after.HighWatermark - end
	}
	return risen, code, true
}

// An impostor acknowledges for followers that are paused. Without TLS, where only the network can keep it out, it
// succeeds: that shows that the test would notice an attack.
func TestImpostorsMoveNothingByTLS(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]struct {
		args  []string
		code  int16
		risen int64
	}{
		"in the clear": {nil, 0, 1},
		"by TLS":       {certify(t, authority.New(t)), kerr.ClusterAuthorizationFailed.Code, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.StartCluster(t, 3, nil, by.args...)
			c.Create(t, "orders", 1)
			producer := c.Client(t, kgo.DefaultProduceTopic("orders"))
			if err := producer.ProduceSync(t.Context(), kgo.StringRecord("replicated")).FirstErr(); err != nil {
				t.Fatal(err)
			}
			var risen int64
			var code int16
			harness.Within(t, time.Minute, "the leader leads until the attack is over", func() (ok bool) {
				risen, code, ok = attack(t, c, "orders")
				return ok
			})
			if risen != by.risen || code != by.code {
				t.Errorf("the high watermark has risen by %d, want %d; the impostor is answered error %d, want %d", risen,
					by.risen, code, by.code)
			}
			beat := kmsg.NewPtrBrokerHeartbeatRequest()
			beat.BrokerID, beat.WantShutdown = 1, true
			if resp, err := harness.Request(t, c.Controller(t).Addr, beat); err != nil ||
				(resp.(*kmsg.BrokerHeartbeatResponse).ErrorCode == kerr.ClusterAuthorizationFailed.Code) != (by.code != 0) {
				t.Errorf("a heartbeat is answered %+v, %v", resp, err)
			}
		})
	}
}

// serial returns the serial number of the certificate that a node presents on its Kafka address.
func serial(t *testing.T, n *harness.Node, f authority.Files) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tls.Dial("tcp", n.Addr, &tls.Config{
		// the certificate is read, not verified
		NextProtos: []string{"chronik-node"}, Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

func TestAClusterFailsOverAndRenewsItsCertificatesByTLS(t *testing.T) {
	t.Parallel()
	a := authority.New(t)
	c := harness.StartCluster(t, 3, nil, certify(t, a)...)
	c.Create(t, "orders", 3)
	producer := c.Client(t, kgo.DefaultProduceTopic("orders"), kgo.MetadataMinAge(100*time.Millisecond))
	want := map[string]bool{}
	produce := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var records []*kgo.Record
		for range 300 {
			value := fmt.Sprint("record ", len(want), strings.Repeat(".", 2000)) // large enough for answers that come from files
			want[value] = true
			records = append(records, kgo.StringRecord(value))
		}
		if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce()
	leader := c.Leader(t, "orders", 0)
	leader.Crash()
	produce()
	leader.Launch(t)
	c.AwaitAll(t)
	c.AwaitInSync(t, "orders")

	files := a.Node(t, "observer", nil)
	first, last := c.Nodes[0], c.Nodes[2]
	old := serial(t, first, files)
	certify(t, a)
	if serial(t, first, files) == old {
		t.Error("the renewed certificate is not shown")
	}
	renewed := func() int { return strings.Count(last.Output.Tail(1<<20), "node certificate loaded") }
	before := renewed()
	last.Cmd.Process.Signal(syscall.SIGHUP)
	harness.Within(t, 30*time.Second, "the renewed certificate is logged", func() bool {
		return renewed() == before+1
	})
	c.Nodes[1].Crash()
	c.Nodes[1].Launch(t)
	c.AwaitAll(t)
	c.AwaitInSync(t, "orders")
	produce()

	consumer := c.Client(t, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(want) > 0 {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d records are not read: %v", len(want), err)
		}
		fetches.EachRecord(func(r *kgo.Record) { delete(want, string(r.Value)) })
	}
}
