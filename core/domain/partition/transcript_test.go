package partition_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// TestTranscripts plays the stories in testdata: what brokers do to a partition that all of them hold, step by step,
// and what each step leads to. The replicas are those that the broker runs, and metadata decides by metadata.Apply.
// Nothing happens by itself: a broker learns of an image, has something on its disk, fetches and proposes another ISR
// when a step says so. cluster.step lists all steps.
//
// go test ./core/domain/partition -run Transcripts -rewrite writes what happens now into the files. Read the
// difference: the files are the documentation of the protocol.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := &cluster{t: t}
			datadriven.RunTest(t, file, c.run)
		})
	}
}

// run plays one step, and returns what has happened.
func (c *cluster) run(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	c.said.Reset()
	if d.Cmd == "cluster" {
		c.begin(d)
	} else {
		c.step(d)
	}
	return c.said.String()
}

func (c *cluster) step(d *datadriven.TestData) {
	switch d.Cmd {
	case "produce": // to=1 acks=1 a b: a client sends records
		c.produce(d)
	case "read": // from=1: a consumer asks for records
		c.read(c.broker(d, "from"))
	case "sync": // node=1: what it has written is on its disk
		for _, b := range c.named(d) {
			b.sync()
		}
	case "fetch": // node=2: it asks the leader, as far as it knows of one, for records
		for _, b := range c.named(d) {
			b.fetch()
		}
	case "learn": // node=1: it is told of the newest image
		for _, b := range c.named(d) {
			b.learn()
		}
	case "propose": // node=1: it asks the metadata for another ISR
		c.broker(d, "node").propose()
	case "fence": // node=1: its session has ended
		b := c.broker(d, "node")
		_ = c.decide(metadata.FenceBroker{ID: b.id, Epoch: b.epoch})
	case "unfence": // node=1: it has caught up with the metadata
		b := c.broker(d, "node")
		_ = c.decide(metadata.UnfenceBroker{ID: b.id, Epoch: b.epoch})
	case "elect": // the preferred replica is to lead; with unclean any that is in service
		_ = c.decide(metadata.ElectLeader{TopicID: c.topic, Unclean: d.HasArg("unclean")})
	case "crash": // node=1: its process ends; with power it loses what was not synced
		c.broker(d, "node").crash(d.HasArg("power"))
	case "start": // node=1: its process starts, and registers
		c.broker(d, "node").start()
	case "pass": // 250ms: time passes
		c.pass(d)
	case "logs": // shows what everyone has
		for _, b := range c.brokers {
			c.say("%s", b)
		}
	default:
		d.Fatalf(c.t, "there is no step %s", d.Cmd)
	}
}

// cluster is a partition with a replica on each broker.
type cluster struct {
	t       *testing.T
	said    strings.Builder
	image   *metadata.Image
	topic   metadata.TopicID
	now     time.Duration
	min     int // min.insync.replicas
	brokers []*broker
}

func (c *cluster) say(format string, args ...any) { fmt.Fprintf(&c.said, format+"\n", args...) }

// begin makes the cluster: cluster brokers=3 min-insync=2.
func (c *cluster) begin(d *datadriven.TestData) {
	var count int
	d.ScanArgs(c.t, "brokers", &count)
	d.ScanArgs(c.t, "min-insync", &c.min)
	c.image, c.topic = new(metadata.Image), metadata.TopicID{1}
	var ids []int32
	for id := int32(1); id <= int32(count); id++ {
		ids = append(ids, id)
		b := &broker{c: c, id: id}
		c.brokers = append(c.brokers, b)
		b.epoch = c.apply(metadata.RegisterBroker{ID: id, Incarnation: [16]byte{1}}).BrokerEpoch
		b.incarnation = 1
	}
	topic := metadata.CreateTopic{Name: "orders", ID: c.topic, Partitions: -1, ReplicationFactor: -1}
	topic.Assignments = [][]int32{ids}
	c.apply(topic)
	c.say("%s", c.described())
	for _, b := range c.brokers {
		b.open()
		b.learn()
	}
}

// apply has the metadata decide a command that is allowed.
func (c *cluster) apply(cmd metadata.Command) metadata.Result {
	next, res, err := metadata.Apply(c.image, cmd)
	if err != nil {
		c.t.Fatalf("%T: %v", cmd, err)
	}
	c.image = next
	return res
}

// decide has the metadata decide a command, and says what has come of it.
func (c *cluster) decide(cmd metadata.Command) error {
	next, _, err := metadata.Apply(c.image, cmd)
	if err != nil {
		c.say("metadata: refused, %v", err)
		return err
	}
	c.image = next
	c.say("%s", c.described())
	return nil
}

// partition is the partition as the newest image has it.
func (c *cluster) partition() metadata.Partition {
	t, _ := c.image.TopicByID(c.topic)
	return t.Partitions[0]
}

// described is what the newest image says of the partition.
func (c *cluster) described() string {
	p, leader := c.partition(), "no leader"
	if p.Leader >= 0 {
		leader = fmt.Sprintf("leader %d", p.Leader)
	}
	return fmt.Sprintf("metadata: image %d has %s, leader epoch %d, version %d, ISR %v",
		c.image.Index(), leader, p.LeaderEpoch, p.Version, p.ISR)
}

// broker returns the broker that the argument names.
func (c *cluster) broker(d *datadriven.TestData, arg string) *broker {
	var id int
	d.ScanArgs(c.t, arg, &id)
	return c.brokers[id-1]
}

// named returns the brokers that the step names: node=2, node=(2,3).
func (c *cluster) named(d *datadriven.TestData) (all []*broker) {
	for _, arg := range d.CmdArgs {
		if arg.Key != "node" {
			continue
		}
		for i := range arg.Vals {
			var id int
			arg.Scan(c.t, i, &id)
			all = append(all, c.brokers[id-1])
		}
	}
	return all
}

// produce has a client send one batch for each word behind the arguments.
func (c *cluster) produce(d *datadriven.TestData) {
	b, acks := c.broker(d, "to"), -1
	if d.HasArg("acks") {
		d.ScanArgs(c.t, "acks", &acks)
	}
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) > 0 {
			continue
		}
		if err := b.r.Admit(int16(acks), c.now); err != nil {
			c.say("%d refuses %s: %v", b.id, arg.Key, fault.KindOf(err))
			continue
		}
		_, epoch := b.r.Leader()
		b.append(rec{arg.Key, epoch})
		if acks == -1 {
			b.waiting = append(b.waiting, waits{arg.Key, b.end()})
		}
	}
}

// read has a consumer ask for records.
func (c *cluster) read(b *broker) {
	end, err := b.r.Readable(c.now)
	if err != nil {
		c.say("%d refuses to show records: %v", b.id, fault.KindOf(err))
		return
	}
	c.say("%d shows records below %d: %s", b.id, end, words(b.log[b.begin:end]))
}

// pass lets time pass, and the brokers look at what that means.
func (c *cluster) pass(d *datadriven.TestData) {
	took, err := time.ParseDuration(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(c.t, "%v", err)
	}
	c.now += took
	for _, b := range c.brokers {
		if b.r != nil {
			b.do(b.r.Tick(c.now))
		}
	}
}

// eligible reports whether the newest image lets a broker of that epoch into an ISR.
func (c *cluster) eligible(id int32, epoch int64) bool {
	b, ok := c.image.Broker(id)
	return ok && b.Active() && b.Epoch == epoch
}

// words are the records of a log, "nothing" for none.
func words(log []rec) string {
	if len(log) == 0 {
		return "nothing"
	}
	var all []string
	for _, r := range log {
		all = append(all, r.String())
	}
	return strings.Join(all, " ")
}
