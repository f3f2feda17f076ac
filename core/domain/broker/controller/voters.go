package controller

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/quorum"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/pause"
)

// VoterGroup is the membership of the Raft group that agrees on the metadata. Errors: fault.NotController when nothing
// was done, RequestTimedOut when it is unknown whether something was or will be done, InvalidUpdateVersion when the
// members have changed meanwhile.
type VoterGroup interface {
	// Members returns the current members.
	Members(ctx context.Context) (quorum.Members, error)
	// IsLeader reports whether this node leads the group, as far as it knows.
	IsLeader() bool
	// LeaderTerm returns the leader's node id, -1 if none is known, and the newest term.
	LeaderTerm() (node, term int32)
	// AddObserver adds a node that follows without a vote. address is its raft address.
	AddObserver(ctx context.Context, node int32, address string) error
	// Promote makes this node, an observer, a voter once it has everything that was agreed on.
	Promote(ctx context.Context) error
	// Remove removes a node. Its id cannot be used again.
	Remove(ctx context.Context, node int32) error
	// TransferLeadership makes a voter the leader, and returns when it leads.
	TransferLeadership(ctx context.Context, to int32) error
}

// VoterStore is metadata that a Raft group agrees on, together with the claims of its voters.
type VoterStore interface {
	ports.MetadataStore
	// ClaimVote commits that this node votes under its incarnation. The error is fault.InconsistentVoterSet when the node
	// is known under another one.
	ClaimVote(ctx context.Context) error
	// ClaimVoteOf is ClaimVote for another node, which does not take part yet.
	ClaimVoteOf(ctx context.Context, node int32, incarnation [16]byte) error
	// Voters returns the incarnations that have claimed their votes, by node, as far as this node has applied them.
	Voters() map[int32][16]byte
	// Ready returns fault.KafkaStorageError when this node's disk is nearly full.
	Ready() error
}

// VoterPeers asks other nodes about the voters. They need not serve clients yet.
type VoterPeers interface {
	// Ask returns what a node knows. The error is ErrDistrust when the node runs, but one of the two does not accept the
	// other as a node of its cluster.
	Ask(ctx context.Context, node int32) (KnownVoters, error)
}

// ErrDistrust means that another node runs, but that it and this one do not accept each other's identity.
var ErrDistrust = errors.New("this node and another one do not trust each other")

// Voters is the service that describes which nodes decide on the metadata, and changes that: on request, and by itself
// when nodes have caught up or run out of space. The rules are in package quorum.
type Voters struct {
	own      *OwnVoters
	store    VoterStore
	group    VoterGroup
	peers    VoterPeers
	progress *QuorumProgress
	forward  ForwardQuorum
	log      *slog.Logger
}

// ForwardQuorum asks the metadata's leader, another node, to describe the quorum.
type ForwardQuorum func(ctx context.Context, leader int32) (QuorumDescription, error)

// VoterSettings are the dependencies of a Voters. All fields are required.
type VoterSettings struct {
	Own      *OwnVoters
	Store    VoterStore
	Group    VoterGroup
	Peers    VoterPeers
	Progress *QuorumProgress // the progress of the nodes while this one leads
	Forward  ForwardQuorum
	Log      *slog.Logger
}

// NewVoters returns the service. Run has to run for the changes that it makes by itself.
func NewVoters(s VoterSettings) *Voters {
	return &Voters{
		own: s.Own, store: s.Store, group: s.Group, peers: s.Peers, progress: s.Progress, forward: s.Forward, log: s.Log,
	}
}

// Add adds a node that follows without a vote. address is its raft address. Errors: fault.DuplicateVoter,
// InvalidRequest, and those of the group.
func (v *Voters) Add(ctx context.Context, node int32, address string) error {
	m, err := v.members(ctx)
	if err != nil {
		return err
	}
	if err := m.CheckAdd(node, address); err != nil {
		return err
	}
	return v.group.AddObserver(ctx, node, address)
}

// Remove removes a node. Its id cannot be used again. directory, unless zero, must be the incarnation under which the
// node votes. Errors: fault.VoterNotFound, InvalidRequest, and those of the group.
func (v *Voters) Remove(ctx context.Context, node int32, directory [16]byte) error {
	m, err := v.members(ctx)
	if err != nil {
		return err
	}
	_, registered := v.store.Image().Broker(node)
	err = m.CheckRemove(quorum.Removal{
		Node: node, Directory: directory, VotesAs: v.store.Voters()[node], Registered: registered, InService: v.inService,
	})
	if err != nil {
		return err
	}
	return v.group.Remove(ctx, node)
}

// inService reports whether a node's broker is in service.
func (v *Voters) inService(node int32) bool {
	b, registered := v.store.Image().Broker(node)
	return registered && !b.Fenced
}

// Lead makes this node the metadata's leader. The error is fault.PreferredLeaderNotAvailable if it has no vote.
func (v *Voters) Lead(ctx context.Context) error {
	m, err := v.members(ctx)
	if err != nil {
		return err
	}
	self := v.own.Node()
	if _, votes := m.Voters[self]; !votes {
		return fault.New(fault.PreferredLeaderNotAvailable, "node %d has no vote", self)
	}
	return v.group.TransferLeadership(ctx, self)
}

// membersWait bounds how long members waits for a leader.
const membersWait = 5 * time.Second

// members returns the members, after the image of this node has become at least as new.
func (v *Voters) members(ctx context.Context) (quorum.Members, error) {
	ctx, cancel := context.WithTimeout(ctx, membersWait)
	defer cancel()
	if err := v.store.Barrier(ctx); err != nil {
		return quorum.Members{}, err
	}
	return v.group.Members(ctx)
}

const (
	// voterCheck is the interval at which it is checked whether this node may vote, and the state of the group.
	voterCheck = 2 * time.Second
	// leadAgain is how long a node may lead again after it has handed leadership over because its disk is nearly full.
	// Otherwise leadership would move all the time when all disks are full.
	leadAgain = time.Minute
	// handOverTime bounds an attempt to hand leadership over.
	handOverTime = 2 * time.Second
)

// Run makes this node a voter once it has caught up, if the rules allow it, and then maintains the group. When ctx
// ends, it hands the leadership of the metadata over, so that the other nodes need not wait for an election time-out.
func (v *Voters) Run(ctx context.Context) error {
	v.awaitVote(ctx)
	v.watch(ctx)
	v.handOver(context.WithoutCancel(ctx))
	return nil
}

// awaitVote returns when this node is a voter, which it then remains.
func (v *Voters) awaitVote(ctx context.Context) {
	for ctx.Err() == nil {
		votes, err := v.TakeVote(ctx)
		switch {
		case votes:
			v.log.InfoContext(ctx, "node is a voter of the metadata", "node", v.own.Node())
		case err != nil && ctx.Err() == nil:
			v.log.DebugContext(ctx, "no vote yet", "err", err)
		}
		pause.For(ctx, voterCheck)
		if votes {
			return
		}
	}
}

// TakeVote makes this node a voter if the rules allow it, and reports whether it is one.
func (v *Voters) TakeVote(ctx context.Context) (votes bool, err error) {
	m, err := v.members(ctx)
	if err != nil {
		return false, err
	}
	self := v.own.Node()
	if _, votes := m.Voters[self]; votes {
		return true, nil
	}
	if !m.MayPromote(self) {
		return false, nil
	}
	err = v.group.Promote(ctx)
	return err == nil, err
}

// watch maintains the group until ctx ends: it claims votes for other nodes (ClaimForOthers), and hands leadership over
// while this node's disk is nearly full. A leader with a full disk would have to refuse all changes of the metadata.
func (v *Voters) watch(ctx context.Context) {
	for wait := voterCheck; ; {
		pause.For(ctx, wait)
		if ctx.Err() != nil {
			return
		}
		wait = voterCheck
		if err := v.ClaimForOthers(ctx); err != nil && ctx.Err() == nil {
			v.log.DebugContext(ctx, "not all voters have claimed their votes", "err", err)
		}
		if err := v.store.Ready(); err != nil && v.group.IsLeader() {
			v.log.WarnContext(ctx, "node hands over the leadership of the metadata", "err", err)
			v.handOver(ctx)
			wait = leadAgain
		}
	}
}

// ClaimForOthers claims the votes of voters that have not claimed them and wait for it: nodes that were added by a
// version without claims, and run for the first time now. It does nothing unless this node leads.
func (v *Voters) ClaimForOthers(ctx context.Context) error {
	if !v.group.IsLeader() {
		return nil
	}
	m, err := v.members(ctx)
	if err != nil {
		return err
	}
	claimed := v.store.Voters()
	for _, node := range slices.Sorted(maps.Keys(m.Voters)) {
		if claimed[node] != [16]byte{} || !slices.Contains(v.own.Others(), node) {
			continue
		}
		incarnation, noted := v.own.notes.Founders()[node]
		if !noted {
			known, asked := v.peers.Ask(ctx, node)
			if incarnation = known.Voters[node]; incarnation == [16]byte{} {
				err = errors.Join(err, asked)
				continue
			}
		}
		err = errors.Join(err, v.store.ClaimVoteOf(ctx, node, incarnation))
	}
	return err
}

// handOver makes another voter the metadata's leader, the next one that is in service, if this node leads and there is
// one.
func (v *Voters) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	if !v.group.IsLeader() {
		return
	}
	m, err := v.members(ctx)
	if err != nil {
		v.log.WarnContext(ctx, "leadership of the metadata not handed over", "err", err)
		return
	}
	for _, to := range m.Successors(v.own.Node()) {
		if b, ok := v.store.Image().Broker(to); !ok || !b.Active() {
			continue
		}
		if err := v.group.TransferLeadership(ctx, to); err != nil {
			v.log.WarnContext(ctx, "leadership of the metadata not handed over", "to", to, "err", err)
			return
		}
		v.log.InfoContext(ctx, "leadership of the metadata handed over", "to", to)
		return
	}
}
