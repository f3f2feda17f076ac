package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quorum"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/pause"
)

// Joining is the service with which a node joins its cluster. Before the node takes part in decisions on the metadata,
// it makes sure that it may vote (see VoteClaim). Then it claims its vote and registers its broker.
type Joining struct {
	claim     VoteClaim
	notes     VoterNotes
	peers     VoterPeers
	announcer Announcer
	clock     ports.Clock
	log       *slog.Logger
}

// Announcer answers other nodes' questions about the voters while this node waits for them and does not serve clients
// yet.
type Announcer interface {
	// Open begins to answer from own, unless it does so already.
	Open(ctx context.Context, own *OwnVoters) error
	// Close ends that. A second Close does nothing.
	Close() error
}

// JoinSettings are the dependencies of a Joining. All fields are required.
type JoinSettings struct {
	Claim     VoteClaim
	Notes     VoterNotes
	Peers     VoterPeers
	Announcer Announcer
	Clock     ports.Clock
	Log       *slog.Logger
}

// NewJoining returns the service.
func NewJoining(s JoinSettings) *Joining {
	return &Joining{
		claim: s.Claim, notes: s.Notes, peers: s.Peers, announcer: s.Announcer, clock: s.Clock, log: s.Log,
	}
}

// Own returns what this node knows about the voters without asking others. agreed returns the claims that were agreed
// on, as far as this node has applied them.
func (j *Joining) Own(agreed func() map[int32][16]byte) *OwnVoters {
	return NewOwnVoters(j.claim, j.notes, agreed)
}

const (
	// askInterval is the time between two rounds of questions to the other nodes.
	askInterval = 200 * time.Millisecond
	// joinAttempt is how long an attempt to reach agreement takes before that is logged.
	joinAttempt = 5 * time.Second
)

// AwaitClaim returns when this node may take part in decisions on the metadata. A node that knows itself that its claim
// was agreed on asks no other node. Errors: fault.InconsistentVoterSet when the node has lost its votes; ErrDistrust
// when another node runs and one of the two does not trust the other, since what that node knows must not be ignored.
func (j *Joining) AwaitClaim(ctx context.Context, own *OwnVoters) error {
	if j.notes.VoteClaimed() || own.agreed()[j.claim.Node] == j.claim.Incarnation {
		return nil
	}
	if err := j.announcer.Open(ctx, own); err != nil {
		return err
	}
	for told := (time.Time{}); ; {
		answers, err := j.askOthers(ctx)
		if err != nil {
			return err
		}
		holds, err := j.weigh(answers)
		if holds || err != nil {
			return err
		}
		if now := j.clock(); now.Sub(told) >= joinAttempt {
			told = now
			j.log.InfoContext(ctx, "waiting until other nodes know this one, before it may vote", "node", j.claim.Node,
				"missing", j.claim.Missing(answers))
		}
		pause.For(ctx, askInterval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// weigh records the incarnations of the other nodes, and reports whether this node's claim holds, which it records too.
func (j *Joining) weigh(answers []KnownVoters) (holds bool, err error) {
	if !j.claim.Joins {
		if err := j.notes.NoteFounders(j.claim.Introduced(answers)); err != nil {
			return false, err
		}
	}
	holds, err = j.claim.Holds(answers)
	if err != nil {
		return false, fmt.Errorf("%w: %s", err, quorum.VotesLost(j.claim.Node))
	}
	if holds && !j.claim.Joins {
		return true, j.notes.NoteVoteClaimed()
	}
	return holds, nil
}

// askOthers asks all other nodes concurrently about the voters, and returns the answers of those that answer.
func (j *Joining) askOthers(ctx context.Context) ([]KnownVoters, error) {
	others := j.claim.Others
	known, errs := make([]KnownVoters, len(others)), make([]error, len(others))
	var asking sync.WaitGroup
	for i, other := range others {
		asking.Go(func() { known[i], errs[i] = j.peers.Ask(ctx, other) })
	}
	asking.Wait()
	var answers []KnownVoters
	for i, err := range errs {
		switch {
		case err == nil:
			answers = append(answers, known[i])
		case errors.Is(err, ErrDistrust):
			return nil, fmt.Errorf("ask node %d whether this node is new: %w", others[i], err)
		}
	}
	return answers, nil
}

// Register registers this broker, fenced, and gives the cluster its id if it has none yet. It waits for a majority of
// the nodes until ctx ends, and returns the epoch of the registration.
func (j *Joining) Register(
	ctx context.Context, store VoterStore, own *OwnVoters, member MembershipSettings, clusterID string,
) (epoch int64, err error) {
	defer func() { err = errors.Join(err, j.announcer.Close()) }() // its addresses are used for clients from now on
	if err := j.agree(ctx, store, own, store.ClaimVote); err != nil {
		return -1, fmt.Errorf("claim the vote of node %d: %w", member.NodeID, err)
	}
	err = j.agree(ctx, store, own, func(ctx context.Context) error {
		_, err := store.Apply(ctx, metadata.InitCluster{ClusterID: clusterID, Features: metadata.NewestFeatures()})
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("begin the cluster: %w", err)
	}
	return Register(ctx, store, member, j.log)
}

// agree calls do, which needs a majority of the nodes and may be done twice. It repeats that while there is no majority
// or the outcome is unknown.
func (j *Joining) agree(
	ctx context.Context, store VoterStore, own *OwnVoters, do func(context.Context) error,
) error {
	for {
		tried, cancel := context.WithTimeout(ctx, joinAttempt)
		err := do(tried)
		cancel()
		if !errors.Is(err, fault.NotController) && !errors.Is(err, fault.RequestTimedOut) || ctx.Err() != nil {
			return err
		}
		if err := j.announcer.Open(ctx, own); err != nil { // other nodes may need what this one knows
			return err
		}
		if err := j.diagnose(ctx, store); err != nil {
			return err
		}
		pause.For(ctx, askInterval)
	}
}

// diagnose logs why there may be no answer from a majority, and returns an error if there will never be one.
func (j *Joining) diagnose(ctx context.Context, store VoterStore) error {
	self := j.claim.Node
	for _, other := range j.claim.Others {
		known, err := j.peers.Ask(ctx, other)
		if errors.Is(err, ErrDistrust) {
			j.log.WarnContext(ctx, "this node and another one do not trust each other", "node", other, "err", err)
		}
		if err != nil || !known.Agreed {
			continue
		}
		if _, member := known.Voters[self]; member {
			break
		}
		if store.Image().Index() > 0 {
			return fmt.Errorf(
				"node %d was removed from the cluster, as node %d says: to let it join again, give it a new node_id "+
					"and an empty data directory, add that with `chronik-server cluster add-node`, "+
					"and start it with cluster.join = true",
				self, other,
			)
		}
		j.log.InfoContext(ctx, "waiting to be added to the cluster: chronik-server cluster add-node", "node", self)
		return nil
	}
	j.log.InfoContext(ctx, "waiting for a majority of the cluster's nodes", "leader", store.Leadership().NodeID)
	return nil
}
