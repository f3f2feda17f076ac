package controller

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Assignments is the service with which operators decide which brokers lead and hold partitions: it is behind
// ElectLeaders, AlterPartitionReassignments and UnregisterBroker.
type Assignments struct{ store ports.MetadataStore }

// NewAssignments returns the service over store.
func NewAssignments(store ports.MetadataStore) *Assignments { return &Assignments{store: store} }

// Election asks for the election of a partition's leader. Err is the result.
type Election struct {
	Topic     string
	Partition int32

	// Err is one of metadata.ElectLeader's, with the messages of Apache Kafka.
	Err error
}

// Elect elects leaders: the preferred replicas, or with unclean, where there is no leader, any replica that is alive.
func (a *Assignments) Elect(ctx context.Context, elections []Election, unclean bool) {
	each(len(elections), func(n int) {
		e := &elections[n]
		t, known := a.store.Image().Topic(e.Topic)
		switch {
		case !known:
			e.Err = fault.New(fault.UnknownTopicOrPartition, "No such topic as %s", e.Topic)
			return
		case e.Partition < 0 || int(e.Partition) >= len(t.Partitions):
			e.Err = fault.New(fault.UnknownTopicOrPartition, "No such partition as %s-%d", e.Topic, e.Partition)
			return
		}
		_, e.Err = a.store.Apply(ctx, metadata.ElectLeader{TopicID: t.ID, Partition: e.Partition, Unclean: unclean})
	})
}

// ElectAll elects leaders wherever that is needed, and returns the elections that took place.
func (a *Assignments) ElectAll(ctx context.Context, unclean bool) []Election {
	var elections []Election
	for t := range a.store.Image().ListedTopics("") {
		for n := range t.Partitions {
			p := &t.Partitions[n]
			if unclean && p.Leader < 0 || !unclean && p.Leader != p.Replicas[0] {
				elections = append(elections, Election{Topic: t.Name, Partition: int32(n)})
			}
		}
	}
	a.Elect(ctx, elections, unclean)
	needed := elections[:0]
	for _, e := range elections {
		if !errors.Is(e.Err, fault.ElectionNotNeeded) {
			needed = append(needed, e)
		}
	}
	return needed
}

// Reassignment asks for the move of a partition to other brokers. Err is the result.
type Reassignment struct {
	Topic     string
	Partition int32
	Replicas  []int32 // nil cancels a reassignment in progress

	// Err is one of metadata.AlterReassignment's, with the messages of Apache Kafka.
	Err error
}

// Reassign begins reassignments. keepFactor refuses those that change a partition's number of replicas (KIP-860).
func (a *Assignments) Reassign(ctx context.Context, reassignments []Reassignment, keepFactor bool) {
	each(len(reassignments), func(n int) {
		r := &reassignments[n]
		t, known := a.store.Image().Topic(r.Topic)
		switch {
		case !known:
			r.Err = fault.New(fault.UnknownTopicOrPartition, "Unable to find a topic named %s.", r.Topic)
			return
		case r.Partition < 0 || int(r.Partition) >= len(t.Partitions):
			r.Err = fault.New(fault.UnknownTopicOrPartition, "Unable to find partition %s:%d.", r.Topic, r.Partition)
			return
		}
		_, r.Err = a.store.Apply(ctx, metadata.AlterReassignment{
			TopicID: t.ID, Partition: r.Partition, Replicas: r.Replicas, KeepFactor: keepFactor,
		})
	})
}

// each calls do with 0 to n-1, several at once, because concurrent commands share commits.
func each(n int, do func(int)) {
	var g errgroup.Group
	g.SetLimit(electionsAtOnce)
	for i := range n {
		g.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = g.Wait() // no function fails
}

// Unregister removes a broker that will not come back. Errors: fault.BrokerIDNotRegistered, and InvalidRequest for a
// broker that is in service and holds replicas.
func (a *Assignments) Unregister(ctx context.Context, id int32) error {
	_, err := a.store.Apply(ctx, metadata.UnregisterBroker{ID: id})
	return err
}
