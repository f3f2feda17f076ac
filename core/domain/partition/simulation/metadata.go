package simulation

import (
	"encoding/binary"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// topicID is that of the only topic, which has one partition.
var topicID = metadata.TopicID{1}

// agreed is the metadata that all nodes agree upon: the state machine that the brokers run, and the commands that they send to it.
// The rules of metadata are broken here, before and behind it.
type agreed struct {
	full   *metadata.Image
	image  *image
	breaks Rule
}

// image is what one metadata.Image says about the partition and the brokers. It never changes.
type image struct {
	metadata.Partition
	index   int64
	brokers []metadata.Broker // by id
}

// view returns what the image says to one broker.
func (i *image) view(id int32) partition.View {
	return partition.View{
		Leader: i.Leader, LeaderEpoch: i.LeaderEpoch, Version: i.Version, Replicas: i.Replicas, ISR: i.ISR,
		BrokerEpoch: i.brokers[id].Epoch,
	}
}

// eligible reports whether a broker of that epoch may be in an ISR.
func (i *image) eligible(id int32, epoch int64) bool {
	return i.brokers[id].Active() && i.brokers[id].Epoch == epoch
}

// incarnation is the number of a broker's start that it has registered last.
func (i *image) incarnation(id int32) int {
	return int(binary.BigEndian.Uint64(i.brokers[id].Incarnation[:]))
}

func incarnationID(n int) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// newAgreed returns the metadata of a cluster whose brokers are all down.
func newAgreed(nodes int, opt Options) (*agreed, error) {
	m := &agreed{full: new(metadata.Image), breaks: opt.Breaks}
	ids := make([]int32, nodes)
	for n := range ids {
		ids[n] = int32(n)
		if _, err := m.decide(metadata.RegisterBroker{ID: ids[n]}); err != nil {
			return nil, err
		}
	}
	topic := metadata.CreateTopic{Name: "orders", ID: topicID, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{ids[:replication]}}
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
	m.look()
	return m, nil
}

// apply has the state machine decide a command.
func (m *agreed) apply(cmd metadata.Command) (metadata.Result, error) {
	res, err := m.decide(cmd)
	if err == nil {
		m.look()
	}
	return res, err
}

func (m *agreed) decide(cmd metadata.Command) (metadata.Result, error) {
	next, res, err := metadata.Apply(m.full, cmd)
	m.full = next
	return res, err
}

// look makes the image of what is agreed now.
func (m *agreed) look() {
	t, _ := m.full.TopicByID(topicID)
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

// alter decides a leader's proposal.
func (m *agreed) alter(by int32, brokerEpoch int64, p partition.Proposal) error {
	cmd := metadata.AlterPartition{
		TopicID: topicID, BrokerID: by, BrokerEpoch: brokerEpoch, LeaderEpoch: p.LeaderEpoch, Version: p.Version,
	}
	for _, member := range p.ISR {
		cmd.ISR, cmd.ISREpochs = append(cmd.ISR, member.Broker), append(cmd.ISREpochs, member.Epoch)
	}
	switch m.breaks {
	case CompareVersion:
		cmd.Version = m.image.Version
	case JoinUnderOwnEpoch:
		cmd.ISREpochs = nil
		for _, id := range cmd.ISR { // who has just registered is fenced: that would hide the mistake
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
	_, err := m.apply(metadata.ElectLeader{TopicID: topicID})
	return err
}

// reassign has the replicas become target; nil takes a reassignment back.
func (m *agreed) reassign(target []int32) error {
	if m.image.Leader < 0 && target != nil {
		return fault.ReassignmentInProgress
	}
	_, err := m.apply(metadata.AlterReassignment{TopicID: topicID, Replicas: target})
	return err
}
