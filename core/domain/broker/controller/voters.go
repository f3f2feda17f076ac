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

// VoterGroup is the Raft group that agrees on the metadata, as far as its members are concerned. The errors of what
// asks the group are fault.NotController when nothing was done, RequestTimedOut when it may have been done or may yet
// be, and InvalidUpdateVersion when the members had changed meanwhile.
type VoterGroup interface {
	// Members returns the members as of now.
	Members(ctx context.Context) (quorum.Members, error)
	// IsLeader reports whether this node leads the group, as far as it knows.
	IsLeader() bool
	// LeaderTerm returns the leader's node id, -1 when none is known, and the newest term.
	LeaderTerm() (node, term int32)
	// AddObserver lets a node follow that others reach at a raft address.
	AddObserver(ctx context.Context, node int32, address string) error
	// Promote makes this node, which follows, a voter, once it has all that was agreed on.
	Promote(ctx context.Context) error
	// Remove takes a node out for good.
	Remove(ctx context.Context, node int32) error
	// TransferLeadership returns when the voter leads the group.
	TransferLeadership(ctx context.Context, to int32) error
}

// VoterStore is metadata that a Raft group agrees on, and with it who votes there.
type VoterStore interface {
	ports.MetadataStore
	// ClaimVote has it agreed on that this node votes, under its incarnation. It is fault.InconsistentVoterSet when the
	// node is known under another one.
	ClaimVote(ctx context.Context) error
	// ClaimVoteOf is ClaimVote for another node, which does not take part yet.
	ClaimVoteOf(ctx context.Context, node int32, incarnation [16]byte) error
	// Voters returns the incarnations that have claimed their votes, by node, as far as this node knows.
	Voters() map[int32][16]byte
	// Ready returns fault.KafkaStorageError when this node's disk is nearly full.
	Ready() error
}

// VoterPeers are the other nodes, of which this one asks who votes. They need not serve clients yet.
type VoterPeers interface {
	// Ask returns what a node knows. The error is ErrDistrust when one runs there, and it or this one does not take the
	// other for a node of its cluster.
	Ask(ctx context.Context, node int32) (KnownVoters, error)
}

// ErrDistrust means that another node runs, and that it and this one do not believe each other to be what they say.
var ErrDistrust = errors.New("another node and this one do not believe each other")

// Voters is the service that says which nodes decide on the metadata, and changes that: on request, and by itself as
// nodes come, go, and run out of space. The rules are package quorum's.
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

// VoterSettings is what a Voters works with. All fields are required.
type VoterSettings struct {
	Own      *OwnVoters
	Store    VoterStore
	Group    VoterGroup
	Peers    VoterPeers
	Progress *QuorumProgress // knows how far the nodes are, where this node leads
	Forward  ForwardQuorum
	Log      *slog.Logger
}

// NewVoters returns the service. Run makes it work.
func NewVoters(s VoterSettings) *Voters {
	return &Voters{
		own: s.Own, store: s.Store, group: s.Group, peers: s.Peers, progress: s.Progress, forward: s.Forward, log: s.Log,
	}
}

// Add lets a node follow, without a vote, that other nodes reach at a raft address. Errors: fault.DuplicateVoter,
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

// Remove takes a node out for good. A directory that is not zero must be the one under which the node votes. Errors:
// fault.VoterNotFound, InvalidRequest, and those of the group.
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

// Lead makes this node lead the metadata. It is fault.PreferredLeaderNotAvailable for a node without a vote.
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

// membersWait bounds how long a leader is waited for that can tell who the members are.
const membersWait = 5 * time.Second

// members returns the members, with an image at least as new.
func (v *Voters) members(ctx context.Context) (quorum.Members, error) {
	ctx, cancel := context.WithTimeout(ctx, membersWait)
	defer cancel()
	if err := v.store.Barrier(ctx); err != nil {
		return quorum.Members{}, err
	}
	return v.group.Members(ctx)
}

const (
	// voterCheck is the time between two checks of whether this node may vote, and of the group.
	voterCheck = 2 * time.Second
	// leadAgain is how long a node that has handed over because its disk is nearly full may lead when the leadership
	// comes back to it: all disks may be full.
	leadAgain = time.Minute
	// handOverTime bounds how long a node tries to have another one lead.
	handOverTime = 2 * time.Second
)

// Run gives this node a vote once it has caught up, if there is one to be had, and looks after the group. When ctx
// ends, it hands the leadership of the metadata over, so that the others need not find out by themselves that the
// leader is gone.
func (v *Voters) Run(ctx context.Context) error {
	v.awaitVote(ctx)
	v.watch(ctx)
	v.handOver(context.WithoutCancel(ctx))
	return nil
}

// awaitVote returns when this node votes; a voter remains one.
func (v *Voters) awaitVote(ctx context.Context) {
	for ctx.Err() == nil {
		votes, err := v.TakeVote(ctx)
		switch {
		case votes:
			v.log.InfoContext(ctx, "this node votes on the metadata", "node", v.own.Node())
		case err != nil && ctx.Err() == nil:
			v.log.DebugContext(ctx, "no vote yet", "err", err)
		}
		pause.For(ctx, voterCheck)
		if votes {
			return
		}
	}
}

// TakeVote has this node made a voter if it may be one, and reports whether it is one.
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

// watch looks after the group until ctx ends. It has another voter lead the metadata while this node's disk is nearly
// full: what clients want to be made they ask the leader for, and it would have to refuse.
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
			v.log.WarnContext(ctx, "this node should not lead the metadata", "err", err)
			v.handOver(ctx)
			wait = leadAgain
		}
	}
}

// ClaimForOthers has it agreed on who those voters are that have not claimed their votes. They wait for it: a node that
// was added before votes had to be claimed, and runs for the first time now. It does something on the leader only.
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

// handOver has another voter lead the metadata, the next one that is in service, if this node leads and there is one.
func (v *Voters) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	if !v.group.IsLeader() {
		return
	}
	m, err := v.members(ctx)
	if err != nil {
		v.log.WarnContext(ctx, "leadership of the metadata is not handed over", "err", err)
		return
	}
	for _, to := range m.Successors(v.own.Node()) {
		if b, ok := v.store.Image().Broker(to); !ok || !b.Active() {
			continue
		}
		if err := v.group.TransferLeadership(ctx, to); err != nil {
			v.log.WarnContext(ctx, "leadership of the metadata is not handed over", "to", to, "err", err)
			return
		}
		v.log.InfoContext(ctx, "leadership of the metadata is handed over", "to", to)
		return
	}
}
