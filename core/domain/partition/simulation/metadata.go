package simulation

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// Metadata is the agreed state, as far as one partition needs it: a state machine whose commands are compare-and-set. Each
// returns nil when it was applied or had nothing to do.
type Metadata interface {
	// Register gives a broker's incarnation its epoch. A new incarnation is fenced, and has left every ISR that has others.
	Register(id int32, incarnation int) (epoch int64)
	Fence(id int32, epoch int64) error
	Unfence(id int32, epoch int64) error
	// Alter decides a leader's proposal.
	Alter(by int32, brokerEpoch int64, p partition.Proposal) error
	// Elect makes a member of the ISR the leader.
	Elect(id int32) error
	// Reassign has the replicas become target, when all of target are in sync.
	Reassign(target []int32) error
	// Image returns the newest state, which never changes.
	Image() *Image
}

// Image is the metadata at one moment.
type Image struct {
	Index       int64
	Leader      int32
	LeaderEpoch int32
	Version     int32
	Replicas    []int32
	ISR         []int32
	Target      []int32 // nil unless a reassignment is under way
	Brokers     []Broker
}

// Broker is a broker's registration.
type Broker struct {
	Incarnation int
	Epoch       int64 // -1 before the first
	Fenced      bool
}

// view returns what the image says to one broker.
func (i *Image) view(id int32) partition.View {
	return partition.View{
		Leader: i.Leader, LeaderEpoch: i.LeaderEpoch, Version: i.Version, Replicas: i.Replicas, ISR: i.ISR,
		BrokerEpoch: i.Brokers[id].Epoch,
	}
}

// eligible reports whether a broker of that epoch may be in an ISR.
func (i *Image) eligible(id int32, epoch int64) bool {
	return !i.Brokers[id].Fenced && i.Brokers[id].Epoch == epoch
}

// model is the Metadata that docs/decisions/0005-replica-protocol.md asks for.
type model struct {
	image   *Image
	breaks  Rule
	unclean bool // unclean.leader.election.enable
}

func newModel(nodes, replicas int, opt Options) *model {
	img := &Image{Leader: -1, LeaderEpoch: 0, Version: 0}
	for id := range int32(nodes) {
		img.Brokers = append(img.Brokers, Broker{Epoch: -1, Fenced: true})
		if int(id) < replicas {
			img.Replicas = append(img.Replicas, id)
		}
	}
	img.ISR = img.Replicas[:1]
	return &model{image: img, breaks: opt.Breaks, unclean: opt.Unclean}
}

func (m *model) Image() *Image { return m.image }

// change applies do to a copy, which becomes the image.
func (m *model) change(do func(*Image)) {
	next := *m.image
	next.Index++
	next.Brokers = slices.Clone(next.Brokers)
	do(&next)
	m.image = &next
}

func (m *model) Register(id int32, incarnation int) int64 {
	if b := m.image.Brokers[id]; b.Incarnation == incarnation {
		return b.Epoch
	}
	m.change(func(img *Image) {
		img.Brokers[id] = Broker{Incarnation: incarnation, Epoch: img.Index, Fenced: true}
		if m.breaks != LeaveWhenRestarted {
			m.leave(img, id)
			return
		}
		img.Brokers[id].Fenced = false
		if img.Leader == id || img.Leader < 0 && slices.Contains(img.ISR, id) {
			m.elect(img)
		}
	})
	return m.image.Brokers[id].Epoch
}

func (m *model) Fence(id int32, epoch int64) error {
	if b := m.image.Brokers[id]; b.Epoch != epoch {
		return fault.StaleBrokerEpoch
	} else if b.Fenced {
		return nil
	}
	m.change(func(img *Image) {
		img.Brokers[id].Fenced = true
		m.leave(img, id)
	})
	return nil
}

// leave takes a broker out of the ISR, unless it is the last there, and of the lead.
func (m *model) leave(img *Image, id int32) {
	if slices.Contains(img.ISR, id) && len(img.ISR) > 1 {
		img.ISR = without(img.ISR, id)
		img.Version++
	}
	if img.Leader == id {
		m.elect(img)
	}
}

// elect gives the partition its next leader, or none.
func (m *model) elect(img *Image) {
	img.Leader = -1
	for _, anyone := range []bool{m.breaks == ElectInSync, m.unclean} {
		for _, id := range img.Replicas {
			if (slices.Contains(img.ISR, id) || anyone) && !img.Brokers[id].Fenced {
				m.lead(img, id)
				return
			}
		}
	}
	img.LeaderEpoch++
	img.Version++
}

func (m *model) lead(img *Image, id int32) {
	img.Leader = id
	img.LeaderEpoch++
	img.Version++
	if !slices.Contains(img.ISR, id) {
		img.ISR = []int32{id}
	}
}

func (m *model) Unfence(id int32, epoch int64) error {
	if b := m.image.Brokers[id]; b.Epoch != epoch {
		return fault.StaleBrokerEpoch
	} else if !b.Fenced {
		return nil
	}
	m.change(func(img *Image) {
		img.Brokers[id].Fenced = false
		if img.Leader < 0 && (slices.Contains(img.ISR, id) || m.unclean && slices.Contains(img.Replicas, id)) {
			m.lead(img, id)
		}
	})
	return nil
}

func (m *model) Alter(by int32, brokerEpoch int64, p partition.Proposal) error {
	img := m.image
	switch {
	case img.Brokers[by].Epoch != brokerEpoch:
		return fault.StaleBrokerEpoch
	case img.Leader != by || img.LeaderEpoch != p.LeaderEpoch:
		return fault.FencedLeaderEpoch
	case img.Version != p.Version && m.breaks != CompareVersion:
		return fault.InvalidUpdateVersion
	}
	var isr []int32
	for _, member := range p.ISR {
		isNew := !slices.Contains(img.ISR, member.Broker)
		if !slices.Contains(img.Replicas, member.Broker) ||
			isNew && m.breaks != JoinUnderOwnEpoch && !img.eligible(member.Broker, member.Epoch) {
			return fault.IneligibleReplica
		}
		isr = append(isr, member.Broker)
	}
	if !slices.Contains(isr, by) {
		return fault.InvalidRequest
	}
	m.change(func(img *Image) {
		img.ISR = isr
		img.Version++
		m.finish(img)
	})
	return nil
}

// finish ends a reassignment whose target is in sync.
func (m *model) finish(img *Image) {
	for _, id := range img.Target {
		if !slices.Contains(img.ISR, id) {
			return
		}
	}
	if img.Target == nil {
		return
	}
	img.Replicas, img.ISR, img.Target = img.Target, img.Target, nil
	if !slices.Contains(img.Replicas, img.Leader) {
		m.elect(img)
	}
}

func (m *model) Elect(id int32) error {
	img := m.image
	if img.Leader == id || img.Brokers[id].Fenced || !slices.Contains(img.ISR, id) {
		return fault.PreferredLeaderNotAvailable
	}
	m.change(func(img *Image) { m.lead(img, id) })
	return nil
}

func (m *model) Reassign(target []int32) error {
	if m.image.Target != nil || m.image.Leader < 0 {
		return fault.ReassignmentInProgress
	}
	m.change(func(img *Image) {
		img.Target, img.Replicas = target, slices.Clone(img.Replicas)
		for _, id := range target {
			if !slices.Contains(img.Replicas, id) {
				img.Replicas = append(img.Replicas, id)
			}
		}
		img.Version++
		m.finish(img)
	})
	return nil
}

func without(ids []int32, id int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(other int32) bool { return other == id })
}
