package group

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// TopicPartition names a partition in commits and fetches of offsets.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Offset is a committed offset.
type Offset struct {
	Offset      int64
	LeaderEpoch int32 // -1 for none
	Metadata    string
	CommitTime  int64 // milliseconds
	ExpireTime  int64 // milliseconds, -1: by offsets.retention.minutes (only OffsetCommit v2 to v4 set it)
	// TopicID is the topic's id when the offset was committed, zero if unknown. The offset does not count for a topic with
	// another id.
	TopicID metadata.TopicID
}

// OffsetCommit is one partition's offset in a commit, with its answer.
type OffsetCommit struct {
	TopicPartition
	Offset
	Err error // in the answer
}

// CommitRequest commits offsets. A generation of -1 with an empty member id is a commit from outside the group's
// protocol, by a "simple" consumer or an administrator. It is allowed while the group is empty.
type CommitRequest struct {
	Group, MemberID, InstanceID string
	Generation                  int32
	Retention                   time.Duration // <0: the broker's (only OffsetCommit v2 to v4 carry one)
	Offsets                     []OffsetCommit
}

// FetchedOffset is one partition's committed offset; Offset is -1 when there is none.
type FetchedOffset struct {
	TopicPartition
	Offset
	Err error
}

// Estimates of the memory that offsets take besides their texts. A topic's first offset takes the memory of eight.
const (
	topicSize  = 640
	offsetSize = 208
)

// Offsets are the committed offsets of one group. They change in Apply only: when the log is read, for each of its
// records, and live, for each record that has become durable. Records that are not durable yet are counted, because a
// removal has to cover them as well.
type Offsets struct {
	group    string
	durable  map[string]map[int32]Offset // topic → partition
	inFlight map[TopicPartition]int      // number of records in the log that are not durable yet
	size     int
}

// NewOffsets returns the offsets of a group that has committed none.
func NewOffsets(groupID string) *Offsets {
	return &Offsets{group: groupID, durable: map[string]map[int32]Offset{}, inFlight: map[TopicPartition]int{}}
}

// Apply applies a record of the log.
func (o *Offsets) Apply(r OffsetRecord) {
	partitions := o.durable[r.Topic]
	if old, ok := partitions[r.Partition]; ok {
		o.size -= offsetSize + len(old.Metadata)
	}
	if r.Offset == nil {
		delete(partitions, r.Partition)
		if partitions != nil && len(partitions) == 0 {
			delete(o.durable, r.Topic)
			o.size -= topicSize + len(r.Topic)
		}
		return
	}
	if partitions == nil {
		partitions = map[int32]Offset{}
		o.durable[r.Topic] = partitions
		o.size += topicSize + len(r.Topic)
	}
	partitions[r.Partition] = *r.Offset
	o.size += offsetSize + len(r.Offset.Metadata)
}

// Begin counts the offset records among records, which are about to be written to the log.
func (o *Offsets) Begin(records []Record) {
	for _, r := range records {
		if r, ok := r.(OffsetRecord); ok {
			o.inFlight[r.TopicPartition]++
		}
	}
}

// End undoes Begin when the records are durable or refused.
func (o *Offsets) End(records []Record) {
	for _, r := range records {
		if r, ok := r.(OffsetRecord); ok {
			if o.inFlight[r.TopicPartition]--; o.inFlight[r.TopicPartition] <= 0 {
				delete(o.inFlight, r.TopicPartition)
			}
		}
	}
}

// Get returns the committed offset of a partition.
func (o *Offsets) Get(tp TopicPartition) (Offset, bool) {
	at, ok := o.durable[tp.Topic][tp.Partition]
	return at, ok
}

// All returns all committed offsets, in the order of topic and partition.
func (o *Offsets) All() (all []FetchedOffset) {
	for _, topic := range slices.Sorted(maps.Keys(o.durable)) {
		for _, p := range slices.Sorted(maps.Keys(o.durable[topic])) {
			tp := TopicPartition{Topic: topic, Partition: p}
			all = append(all, FetchedOffset{TopicPartition: tp, Offset: o.durable[topic][p]})
		}
	}
	return all
}

// Empty reports whether there are none.
func (o *Offsets) Empty() bool { return len(o.durable) == 0 }

// Pending reports whether there are records that are not durable yet.
func (o *Offsets) Pending() bool { return len(o.inFlight) > 0 }

// PendingAt reports whether there is a record for the partition that is not durable yet.
func (o *Offsets) PendingAt(tp TopicPartition) bool { return o.inFlight[tp] > 0 }

// Has reports whether the partition has an offset, durable or not.
func (o *Offsets) Has(tp TopicPartition) bool {
	_, ok := o.Get(tp)
	return ok || o.PendingAt(tp)
}

// Commit returns the records of a commit. Offsets with an error of their own have none. maxMetadata is
// offset.metadata.max.bytes.
func (o *Offsets) Commit(now time.Time, req *CommitRequest, maxMetadata int) []Record {
	records := make([]Record, 0, len(req.Offsets))
	for i := range req.Offsets {
		c := &req.Offsets[i]
		if utf16Length(c.Metadata) > maxMetadata {
			c.Err = fault.OffsetMetadataTooLarge
			continue
		}
		c.Err = nil
		committed := c.Offset
		committed.CommitTime, committed.ExpireTime = now.UnixMilli(), -1
		if req.Retention >= 0 {
			committed.ExpireTime = committed.CommitTime + req.Retention.Milliseconds()
		}
		records = append(records, OffsetRecord{Group: o.group, TopicPartition: c.TopicPartition, Offset: &committed})
	}
	return records
}

// DropTopics returns the records that remove the offsets of topics that were deleted, or deleted and created again
// under the same name. current returns the id of the topic that has a name now.
func (o *Offsets) DropTopics(current func(name string) (metadata.TopicID, bool)) []Record {
	return o.Tombstones(func(tp TopicPartition) bool {
		id, exists := current(tp.Topic)
		if !exists {
			return true
		}
		at, ok := o.Get(tp)
		// A commit that is not durable yet may be for the new topic.
		return ok && !o.PendingAt(tp) && !at.TopicID.IsZero() && at.TopicID != id
	})
}

// Tombstones returns the records that remove the offsets that match, in order. They cover offsets that are not durable
// yet: otherwise these would come back when the log is read.
func (o *Offsets) Tombstones(match func(TopicPartition) bool) (records []Record) {
	var matching []TopicPartition
	for tp := range o.inFlight {
		if match(tp) {
			matching = append(matching, tp)
		}
	}
	for topic, partitions := range o.durable {
		for p := range partitions {
			if tp := (TopicPartition{Topic: topic, Partition: p}); !o.PendingAt(tp) && match(tp) {
				matching = append(matching, tp)
			}
		}
	}
	slices.SortFunc(matching, comparePartitions)
	for _, tp := range matching {
		records = append(records, OffsetRecord{Group: o.group, TopicPartition: tp})
	}
	return records
}

// Size estimates how many bytes of memory the offsets take.
func (o *Offsets) Size() int { return o.size }

// Growth estimates by how many bytes a commit lets the offsets grow. It is 0 for partitions that have offsets with as
// much metadata.
func (o *Offsets) Growth(req *CommitRequest) (n int) {
	topic := ""
	for i := range req.Offsets {
		c := &req.Offsets[i]
		switch old, ok := o.Get(c.TopicPartition); {
		case ok:
			n += len(c.Metadata) - len(old.Metadata)
		case o.durable[c.Topic] == nil && c.Topic != topic:
			topic = c.Topic
			n += topicSize + len(topic) + offsetSize + len(c.Metadata)
		default:
			n += offsetSize + len(c.Metadata)
		}
	}
	return n
}

func comparePartitions(a, b TopicPartition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// utf16Length returns the length of s in UTF-16 code units, as Java counts it.
func utf16Length(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}
