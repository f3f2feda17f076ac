package replicas

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// DeleteRecordsQuery asks to delete the records below Offset (-1: the high watermark).
type DeleteRecordsQuery struct {
	Topic     string
	Partition int32
	Offset    int64

	LowWatermark int64 // -1 with an error
	Err          error
}

// DeleteRecords answers the queries in place. As in Kafka, a query is answered when every in-sync replica has deleted
// the records. ctx ends with the request's time-out: queries that are not done by then get fault.RequestTimedOut, but
// their records are still deleted.
func (o *Offsets) DeleteRecords(ctx context.Context, queries []DeleteRecordsQuery) {
	begun := make([]*Partition, len(queries))
	for i := range queries {
		q := &queries[i]
		q.LowWatermark = -1
		if begun[i], _, q.Err = o.leader(ctx, q.Topic, q.Partition, -1, partition.NoEpoch); q.Err == nil {
			q.Offset, q.Err = begun[i].deleteRecords(ctx, q.Offset)
		}
	}
	for i := range queries {
		if q := &queries[i]; q.Err == nil {
			q.LowWatermark, q.Err = begun[i].deleted(ctx, q.Offset)
		}
	}
}

// deleteRecords raises the log start offset to before (-1: the high watermark) and returns the new one. Errors:
// fault.PolicyViolation for a topic that is only compacted; fault.OffsetNotAvailable, as in a Fetch, from a new leader
// that does not know its high watermark yet. Clients retry the latter, while with the old high watermark they would get
// fault.OffsetOutOfRange, which they do not.
func (p *Partition) deleteRecords(ctx context.Context, before int64) (int64, error) {
	if cfg := p.config.Load(); !cfg.Log.Delete {
		return -1, fault.New(fault.PolicyViolation, "records of %s cannot be deleted: its cleanup.policy is not delete",
			p.topic)
	}
	v := p.view(partition.NoEpoch)
	hw, err := v.readable(false)
	if err != nil {
		return -1, err
	}
	if before == -1 {
		before = hw
	}
	if before < 0 || before > hw {
		return -1, fault.New(fault.OffsetOutOfRange, "offset %d of %s-%d is above the high watermark %d", before, p.topic,
			p.index, hw)
	}
	if err := p.log.AdvanceStart(ctx, before); err != nil {
		return -1, timedOut(err)
	}
	return p.log.StartOffset(), nil
}

// deleted waits until no in-sync replica has a record below start, and returns the lowest of their log start offsets.
func (p *Partition) deleted(ctx context.Context, start int64) (int64, error) {
	for {
		low, moved, err := p.lowWatermark()
		if err != nil || low >= start {
			return low, err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return -1, timedOut(context.DeadlineExceeded)
		}
	}
}

// lowWatermark returns the lowest log start offset of the in-sync replicas, and a channel that is closed when it may
// have risen.
func (p *Partition) lowWatermark() (low int64, moved <-chan struct{}, err error) {
	start := p.log.StartOffset()
	p.tail.Lock()
	defer p.tail.Unlock()
	switch {
	case p.gone != nil:
		return -1, nil, p.gone
	case p.replica.Role() != partition.RoleLeader:
		return -1, nil, fault.NotLeaderOrFollower
	}
	leader, _ := p.replica.Leader()
	low, moved = p.deletions.watch(leader, start)
	return low, moved, nil
}

// timedOut turns an expired deadline into the error that Kafka answers.
func timedOut(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.RequestTimedOut, "records are not deleted on every in-sync replica yet")
	}
	return err
}

// deletions holds the log start offsets of a leader's followers as the leader knows them, and wakes the requests that
// wait for them to rise. Partition.tail guards it.
type deletions struct {
	isr     []int32
	epoch   int32           // the leader epoch of isr
	starts  map[int32]int64 // by follower
	watched chan struct{}   // closed at the next change; nil when no request waits
}

// decided sets the ISR of a leader epoch. Log start offsets from another epoch, or from before a follower left the ISR,
// are dropped: the follower may have been removed and come back with a new log.
func (d *deletions) decided(isr []int32, epoch int32) {
	if epoch != d.epoch {
		d.starts = nil
	}
	maps.DeleteFunc(d.starts, func(id int32, _ int64) bool { return !slices.Contains(isr, id) })
	d.isr, d.epoch = isr, epoch
	d.moved()
}

// followed notes where a follower's log begins.
func (d *deletions) followed(id int32, start int64) {
	if old, known := d.starts[id]; known && old == start {
		return
	}
	if d.starts == nil {
		d.starts = make(map[int32]int64)
	}
	d.starts[id] = start
	d.moved()
}

// watch returns the lowest log start offset, with start as the leader's, and a channel that is closed when it may have
// changed. It returns -1 while the offset of an in-sync follower is not known.
func (d *deletions) watch(leader int32, start int64) (low int64, moved <-chan struct{}) {
	low = start
	for _, id := range d.isr {
		if at, known := d.starts[id]; id != leader && known {
			low = min(low, at)
		} else if id != leader {
			low = -1
		}
	}
	if d.watched == nil {
		d.watched = make(chan struct{})
	}
	return low, d.watched
}

// moved wakes the requests that wait.
func (d *deletions) moved() {
	if d.watched != nil {
		close(d.watched)
		d.watched = nil
	}
}
