package kafkaadmin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/layout"
	"github.com/chronik-stream/chronik/core/domain/quorum"
)

// Added is a node that was added.
type Added struct {
	Node      int32 `json:"node"`
	InService bool  `json:"in_service"` // it has been started, and serves
}

// AddNode lets a node join that the others will reach at a raft address, and waits until it is in service if wait says so.
func (a *Admin) AddNode(ctx context.Context, node int32, raft string, wait bool) (*Added, error) {
	host, text, err := net.SplitHostPort(raft)
	if err != nil {
		return nil, fmt.Errorf("raft address %q: %w", raft, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 || host == "" {
		return nil, fmt.Errorf("raft address %q: want host:port", raft)
	}
	req := kmsg.NewPtrAddRaftVoterRequest()
	req.TimeoutMillis = int32(askTimeout.Milliseconds())
	req.VoterID = node
	req.Listeners = []kmsg.AddRaftVoterRequestListener{{Name: "RAFT", Host: host, Port: uint16(port)}}
	err = a.insist(ctx, func() error {
		resp, err := req.RequestWith(ctx, a)
		if err == nil {
			err = failure(resp.ErrorCode, resp.ErrorMessage)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add node %d: %w", node, err)
	}
	a.settings.Tell(NodeMayJoin{Node: node, RaftAddress: raft})
	if wait {
		a.settings.Tell(AwaitingService{node})
		if err := a.awaitInService(ctx, node); err != nil {
			return nil, err
		}
		a.settings.Tell(NodeInService{node})
	}
	return &Added{Node: node, InService: wait}, nil
}

func (a *Admin) awaitInService(ctx context.Context, node int32) error {
	for {
		v := &view{}
		if err := a.insist(ctx, func() error { return a.lookAtBrokers(ctx, v) }); err != nil {
			return err
		}
		if v.inService(node) {
			return nil
		}
		if err := a.pause(ctx); err != nil {
			return fmt.Errorf("node %d has not come into service: %w", node, err)
		}
	}
}

// Removed is a node that was removed.
type Removed struct {
	Node  int32    `json:"node"`
	Moves []Move   `json:"moves"`
	Left  []string `json:"left"` // partitions that only this node had, which have no leader now
}

// RemoveNode takes a node out of the cluster for good: its replicas go to other brokers, its leaderships too, and then it is forgotten. A node that
// runs stops by itself. With force it may be one that will never run again: partitions go on with a replica less where no other broker
// can take it, and are left where nobody else has all of them.
func (a *Admin) RemoveNode(ctx context.Context, node int32, force bool) (*Removed, error) {
	v, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(node); err != nil {
		return nil, err
	}
	if _, registered := v.broker(node); registered && !v.inService(node) && !force {
		return nil, fmt.Errorf("node %d is not in service: start it, so that it can hand over what it has; if it never will again, use --force "+
			"or replace-node", node)
	}
	return a.remove(ctx, node, -1, force)
}

// ReplaceNode puts a new node in the place of another, most likely a dead one: it adds the new one, waits until that is in service, moves the
// replicas to it, and removes the old one.
func (a *Admin) ReplaceNode(ctx context.Context, old, fresh int32, raft string, force bool) (*Removed, error) {
	v, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(old); err != nil {
		return nil, err
	}
	a.avoid = old
	if !v.inService(fresh) { // else it was added by an earlier attempt
		if _, err := a.AddNode(ctx, fresh, raft, true); err != nil {
			return nil, err
		}
	}
	return a.remove(ctx, old, fresh, force)
}

// attempts bounds how often a node is emptied and then found not to be.
const attempts = 5

// remove takes a node out; what it holds goes to the broker heir first of all, -1 for none.
func (a *Admin) remove(ctx context.Context, node, heir int32, force bool) (*Removed, error) {
	a.avoid = node
	r := &Removed{Node: node, Moves: []Move{}}
	for attempt := 1; ; attempt++ {
		v, err := a.awaitNoMoves(ctx)
		if err != nil {
			return nil, err
		}
		if err := v.checkMajority(node); err != nil {
			return nil, err
		}
		moves, stuck := v.layout().Empty(node, heir, force)
		if err := refusal(node, stuck, force); err != nil {
			return nil, err
		}
		moved, err := a.move(ctx, moves)
		r.Moves = append(r.Moves, moved...)
		if err != nil {
			return nil, err
		}
		r.Left = []string{}
		for _, s := range stuck {
			r.Left = append(r.Left, partition{s.Topic, s.Index}.String())
		}
		if _, err := a.leadElsewhere(ctx, v, node); err != nil {
			return nil, err
		}
		err = a.forget(ctx, v, node)
		if err == nil {
			a.settings.Tell(NodeRemoved{node})
			return r, nil
		}
		// A topic that was made meanwhile has a replica there, or the node was started again.
		if !errors.Is(err, fault.InvalidRequest) || attempt == attempts {
			return nil, err
		}
		a.settings.Tell(RemovalRepeated{err})
		if ended := a.pause(ctx); ended != nil {
			return nil, errors.Join(ended, err)
		}
	}
}

// checkMajority refuses to remove a voter without which those that are in service are no majority.
func (v *view) checkMajority(node int32) error {
	if !slices.Contains(v.voters, node) {
		return nil
	}
	rest := quorum.Without(v.voters, node, v.inService)
	if !rest.Decides() {
		return fmt.Errorf("without node %d the voters would be nodes %v, of which only %v are in service, which is no majority", node,
			rest.Voters, rest.InService)
	}
	return nil
}

// refusal is why a node with such partitions is not removed.
func refusal(node int32, stuck []layout.Stuck, force bool) error {
	if len(stuck) == 0 || force {
		return nil
	}
	var crowded, lost []string
	for _, s := range stuck {
		name := partition{s.Topic, s.Index}.String()
		if s.Lost {
			lost = append(lost, name)
		} else {
			crowded = append(crowded, name)
		}
	}
	var why []error
	if len(crowded) > 0 {
		why = append(why, fmt.Errorf("no other broker is left to hold a replica of %s: add a node first, or give the topics fewer replicas", some(crowded)))
	}
	if len(lost) > 0 {
		why = append(why, fmt.Errorf("only node %d has all of %s: start it, or give that up with --force", node, some(lost)))
	}
	return errors.Join(why...)
}

// some names the first few.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// endTime is how long a node that was unregistered may take to end.
const endTime = 20 * time.Second

// forget unregisters the node's broker, waits until the node has seen that and ended, and takes it out of the quorum.
func (a *Admin) forget(ctx context.Context, v *view, node int32) error {
	if _, registered := v.broker(node); registered {
		if err := a.insist(ctx, func() error { return a.unregister(ctx, node) }); err != nil {
			return fmt.Errorf("unregister broker %d: %w", node, err)
		}
		if v.inService(node) {
			a.awaitEnd(ctx, a.brokers[node])
		}
	}
	err := a.insist(ctx, func() error {
		req := kmsg.NewPtrRemoveRaftVoterRequest()
		req.VoterID = node
		resp, err := req.RequestWith(ctx, a)
		if err == nil {
			err = failure(resp.ErrorCode, resp.ErrorMessage)
		}
		return err
	})
	if err != nil && !errors.Is(err, fault.VoterNotFound) {
		return fmt.Errorf("remove node %d from the quorum: %w", node, err)
	}
	return nil
}

func (a *Admin) unregister(ctx context.Context, node int32) error {
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = node
	resp, err := req.RequestWith(ctx, a)
	if err == nil {
		err = failure(resp.ErrorCode, resp.ErrorMessage)
	}
	if errors.Is(err, fault.BrokerIDNotRegistered) {
		return nil
	}
	return err
}

// awaitEnd returns when nobody listens at the address any more, or after a while.
func (a *Admin) awaitEnd(ctx context.Context, address string) {
	a.settings.Tell(AwaitingStop{address})
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	var dialer net.Dialer
	for {
		c, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return
		}
		_ = c.Close()
		if a.pause(ctx) != nil {
			return
		}
	}
}
