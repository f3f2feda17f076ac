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
	InService bool  `json:"in_service"` // it was started and is unfenced
}

// AddNode adds a node that the others will reach at a raft address. With wait it returns when the node is registered
// and unfenced.
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
	a.settings.Report(NodeMayJoin{Node: node, RaftAddress: raft})
	if wait {
		a.settings.Report(AwaitingService{node})
		if err := a.awaitInService(ctx, node); err != nil {
			return nil, err
		}
		a.settings.Report(NodeInService{node})
	}
	return &Added{Node: node, InService: wait}, nil
}

func (a *Admin) awaitInService(ctx context.Context, node int32) error {
	for {
		v := &view{}
		if err := a.insist(ctx, func() error { return a.readBrokers(ctx, v) }); err != nil {
			return err
		}
		if v.inService(node) {
			return nil
		}
		if err := a.pause(ctx); err != nil {
			return fmt.Errorf("node %d is not in service yet: %w", node, err)
		}
	}
}

// Removed is a node that was removed.
type Removed struct {
	Node  int32    `json:"node"`
	Moves []Move   `json:"moves"`
	Left  []string `json:"left"` // partitions that only this node had, which have no leader now
}

// RemoveNode removes a node from the cluster: it moves its replicas and leaderships to other brokers and then
// unregisters it. A running node stops by itself. Use force for a node that will never run again: partitions continue
// with one replica less when no other broker can take it. Those of which no other broker has all records stay without a
// leader.
func (a *Admin) RemoveNode(ctx context.Context, node int32, force bool) (*Removed, error) {
	v, err := a.readView(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(node); err != nil {
		return nil, err
	}
	if _, registered := v.broker(node); registered && !v.inService(node) && !force {
		return nil, fmt.Errorf("node %d is not in service: start it, so that it can hand over what it has; "+
			"if it will never run again, use --force "+
			"or replace-node", node)
	}
	return a.remove(ctx, node, -1, force)
}

// ReplaceNode replaces a node, most likely a dead one, by a new one. It adds the new node, waits until that is in
// service, moves the replicas to it, and removes the old node.
func (a *Admin) ReplaceNode(ctx context.Context, old, fresh int32, raft string, force bool) (*Removed, error) {
	v, err := a.readView(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(old); err != nil {
		return nil, err
	}
	a.avoid = old
	if !v.inService(fresh) { // otherwise an earlier attempt has added it
		if _, err := a.AddNode(ctx, fresh, raft, true); err != nil {
			return nil, err
		}
	}
	return a.remove(ctx, old, fresh, force)
}

// attempts bounds how often a node is emptied again because it was found to hold replicas.
const attempts = 5

// remove removes a node. Its replicas go to the broker heir where possible; -1 is for no such broker.
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
			a.settings.Report(NodeRemoved{node})
			return r, nil
		}
		// A topic that was created meanwhile has a replica there, or the node was started again.
		if !errors.Is(err, fault.InvalidRequest) || attempt == attempts {
			return nil, err
		}
		a.settings.Report(RemovalRepeated{err})
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
		return fmt.Errorf("without node %d the voters would be nodes %v; only %v are in service, which is no majority", node,
			rest.Voters, rest.InService)
	}
	return nil
}

// refusal returns why a node with such partitions cannot be removed.
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
		why = append(why, fmt.Errorf("no other broker is left to hold a replica of %s: "+
			"add a node first, or give the topics fewer replicas", some(crowded)))
	}
	if len(lost) > 0 {
		why = append(why, fmt.Errorf("only node %d has all of %s: start it, or give that up with --force", node, some(lost)))
	}
	return errors.Join(why...)
}

// some lists the first few names.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// endTime is how long an unregistered node may take to stop.
const endTime = 20 * time.Second

// forget unregisters the node's broker, waits until the node has stopped because of that, and removes it from the
// quorum.
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

// awaitEnd returns when nothing listens at the address any more, or after endTime.
func (a *Admin) awaitEnd(ctx context.Context, address string) {
	a.settings.Report(AwaitingStop{address})
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
