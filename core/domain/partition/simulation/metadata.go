package simulation

import (
	"encoding/binary"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// agreed is the metadata that all nodes agree on: the state machine that the brokers run, and the commands that they
// send to it. The rules of the metadata are broken here, by changing commands and results.
type agreed struct {
	full   *metadata.Image
	topic  metadata.TopicID // of the only topic, which has one partition
	image  *image
	breaks Rule
}

// image is the partition and the brokers in one metadata.Image. It is immutable.
type image struct {
	metadata.Partition
	index   int64
	brokers []metadata.Broker // by id
}

// view returns the partition as one broker sees it.
func (i *image) view(id int32) partition.View {
	return partition.View{
		Leader: i.Leader, LeaderEpoch: i.LeaderEpoch, Version: i.Version, Replicas: i.Replicas, ISR: i.ISR,
		BrokerEpoch: i.brokers[id].Epoch,
	}
}

// eligible reports whether a broker with that epoch may be in an ISR.
func (i *image) eligible(id int32, epoch int64) bool {
	return i.brokers[id].Active() && i.brokers[id].Epoch == epoch
}

// incarnation returns the number of the broker's process that has registered last.
func (i *image) incarnation(id int32) int {
	return int(binary.BigEndian.Uint64(i.brokers[id].Incarnation[:]))
}

func incarnationID(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// newAgreed returns the metadata of a cluster whose brokers are all down.
func newAgreed(nodes int, opt Options) (*agreed, error) {
	m := &agreed{full: new(metadata.Image), topic: metadata.TopicID{1}, breaks: opt.Breaks}
	ids := make([]int32, nodes)
	for n := range ids {
		ids[n] = int32(n)
		if _, err := m.decide(metadata.RegisterBroker{ID: ids[n]}); err != nil {
			return nil, err
		}
	}
	topic := metadata.CreateTopic{
		Name: "orders", ID: m.topic, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{ids[:replication]},
	}
	if opt.Unclean || opt.Breaks == ElectInSync {
		topic.Configs = map[string]string{"unclean.leader.election.enable": "true"}
	}
	if _, err := m.decide(topic); err != nil {
		return nil, err
	}
	for _, id := range slices.Backward(ids) {
		b, _ := m.full.Broker(id)
		if _, err := m.decide(metadata.FenceBroker{ID: id, Epoch: b.Epoch}); err != nil {
			return nil, err
		}
	}
	m.publish()
	return m, nil
}

// apply applies a command to the state machine, and publishes the new image.
func (m *agreed) apply(cmd metadata.Command) (metadata.Result, error) {
	res, err := m.decide(cmd)
	if err == nil {
		m.publish()
	}
	return res, err
}

func (m *agreed) decide(cmd metadata.Command) (metadata.Result, error) {
	next, res, err := metadata.Apply(m.full, cmd)
	m.full = next
	return res, err
}

// publish sets the image from the current metadata.
func (m *agreed) publish() {
	t, _ := m.full.TopicByID(m.topic)
	img := &image{Partition: t.Partitions[0], index: int64(m.full.Index())}
	for b := range m.full.Brokers() {
		img.brokers = append(img.brokers, *b)
	}
	m.image = img
}

// register gives a broker's incarnation its epoch.
func (m *agreed) register(id int32, incarnation int) (epoch int64, err error) {
	cmd := metadata.RegisterBroker{ID: id, Incarnation: incarnationID(incarnation), Fenced: m.breaks != LeaveWhenRestarted}
	res, err := m.apply(cmd)
	return res.BrokerEpoch, err
}

// alter decides on a leader's proposal.
func (m *agreed) alter(by int32, brokerEpoch int64, p partition.Proposal) error {
	cmd := metadata.AlterPartition{
		TopicID: m.topic, BrokerID: by, BrokerEpoch: brokerEpoch, LeaderEpoch: p.LeaderEpoch, Version: p.Version,
	}
	for _, member := range p.ISR {
		cmd.ISR, cmd.ISREpochs = append(cmd.ISR, member.Broker), append(cmd.ISREpochs, member.Epoch)
	}
	if m.breaks == CompareVersion {
		cmd.Version = m.image.Version
	}
	if m.breaks == JoinUnderOwnEpoch {
		cmd.ISREpochs = nil
		for _, id := range cmd.ISR { // a broker that has just registered is fenced, which would hide the broken rule
			if _, err := m.apply(metadata.UnfenceBroker{ID: id, Epoch: m.image.brokers[id].Epoch}); err != nil {
				return err
			}
		}
	}
	_, err := m.apply(cmd)
	return err
}

// elect makes the preferred replica the leader.
func (m *agreed) elect() error {
	_, err := m.apply(metadata.ElectLeader{TopicID: m.topic})
	return err
}

// reassign begins a reassignment to target; nil cancels one.
func (m *agreed) reassign(target []int32) error {
	if m.image.Leader < 0 && target != nil {
		return fault.ReassignmentInProgress
	}
	_, err := m.apply(metadata.AlterReassignment{TopicID: m.topic, Replicas: target})
	return err
}
