package group

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Versions of the records' keys. A key's version is the kind of its record.
const (
	offsetKeyVersion   = 1 // 0 has the same format
	metadataKeyVersion = 2
)

// Versions of the records' values: those that Apache Kafka 4.3 writes, and the newest one that is read. Version 4 is
// the first flexible one (KIP-915).
const (
	offsetValueVersion         = 4
	offsetValueVersionExpiring = 1 // the one that carries an expiry time
	metadataValueVersion       = 3
	newestValueVersion         = 4
)

// topicIDTag is the tagged field of an offset's value that holds its topic's id.
const topicIDTag = 0

// ErrForeignRecord means that a record of __consumer_offsets is neither an offset nor one of the classic protocol. It
// may belong to a group of KIP-848 or KIP-932.
var ErrForeignRecord = errors.New("not a record of a classic group")

// Record is one record of __consumer_offsets: an OffsetRecord or a MetadataRecord.
type Record interface {
	// Key returns the record's key in Kafka's format.
	Key() []byte
	// Value returns the record's value in Kafka's format, nil for a tombstone.
	Value() []byte
}

// OffsetRecord is a committed offset. Offset nil removes it.
type OffsetRecord struct {
	Group string
	TopicPartition
	Offset *Offset
}

// MetadataRecord is a group's generation. Metadata nil removes the group.
type MetadataRecord struct {
	Group    string
	Metadata *Metadata
}

// Metadata is a group's last complete generation as its log has it.
type Metadata struct {
	ProtocolType   string // "" before the first generation
	Generation     int32
	Protocol       string // "" without members
	Leader         string // member id, "" without members
	StateTimestamp int64  // milliseconds: when the group entered the state, -1 if unknown
	Members        []MemberMetadata
}

// MemberMetadata is a member of a generation.
type MemberMetadata struct {
	MemberID         string
	InstanceID       string // "" for a dynamic member
	Client           Client
	RebalanceTimeout time.Duration // -1 ms if unknown: then it is the session time-out
	SessionTimeout   time.Duration
	Subscription     []byte
	Assignment       []byte
}

// Key returns an OffsetCommitKey of version 1.
func (r OffsetRecord) Key() []byte {
	b := make([]byte, 0, 10+len(r.Group)+len(r.Topic))
	b = binary.BigEndian.AppendUint16(b, offsetKeyVersion)
	b = appendString(b, r.Group)
	b = appendString(b, r.Topic)
	return binary.BigEndian.AppendUint32(b, uint32(r.Partition))
}

// Value returns an OffsetCommitValue: of version 4, or 1 when the offset has its own expiry time, as Kafka does.
func (r OffsetRecord) Value() []byte {
	if r.Offset == nil {
		return nil
	}
	o := r.Offset
	b := make([]byte, 0, 46+len(o.Metadata))
	if o.ExpireTime != -1 {
		b = binary.BigEndian.AppendUint16(b, offsetValueVersionExpiring)
		b = binary.BigEndian.AppendUint64(b, uint64(o.Offset))
		b = appendString(b, o.Metadata)
		b = binary.BigEndian.AppendUint64(b, uint64(o.CommitTime))
		return binary.BigEndian.AppendUint64(b, uint64(o.ExpireTime))
	}
	b = binary.BigEndian.AppendUint16(b, offsetValueVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(o.Offset))
	b = binary.BigEndian.AppendUint32(b, uint32(o.LeaderEpoch))
	b = appendCompactString(b, o.Metadata)
	b = binary.BigEndian.AppendUint64(b, uint64(o.CommitTime))
	if o.TopicID.IsZero() {
		return append(b, 0) // no tagged fields
	}
	return append(append(b, 1, topicIDTag, byte(len(o.TopicID))), o.TopicID[:]...)
}

// Key returns a GroupMetadataKey of version 2.
func (r MetadataRecord) Key() []byte {
	return appendString(binary.BigEndian.AppendUint16(nil, metadataKeyVersion), r.Group)
}

// Value returns a GroupMetadataValue of version 3.
func (r MetadataRecord) Value() []byte {
	m := r.Metadata
	if m == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint16(nil, metadataValueVersion)
	b = appendString(b, m.ProtocolType)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Generation))
	if len(m.Members) == 0 {
		b = appendNullable(b, m.Protocol)
	} else {
		b = appendString(b, m.Protocol)
	}
	b = appendNullable(b, m.Leader)
	b = binary.BigEndian.AppendUint64(b, uint64(m.StateTimestamp))
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.Members)))
	for _, p := range m.Members {
		b = appendString(b, p.MemberID)
		b = appendNullable(b, p.InstanceID)
		b = appendString(b, p.Client.ID)
		b = appendString(b, p.Client.Host)
		b = binary.BigEndian.AppendUint32(b, uint32(p.RebalanceTimeout.Milliseconds()))
		b = binary.BigEndian.AppendUint32(b, uint32(p.SessionTimeout.Milliseconds()))
		b = appendBytes(b, p.Subscription)
		b = appendBytes(b, p.Assignment)
	}
	return b
}

// Decode decodes a record of __consumer_offsets; value is nil for a tombstone. The result shares no memory with the
// input. The error is ErrForeignRecord for a key of another kind of group. Any other error means corruption, or a value
// of a version that is too new.
func Decode(key, value []byte) (Record, error) {
	k := reader{in: key}
	switch version := k.int16(); {
	case k.bad:
		return nil, fmt.Errorf("key of a group record: %w", errShort)
	case version == 0 || version == offsetKeyVersion:
		rec := OffsetRecord{Group: k.string(), TopicPartition: TopicPartition{Topic: k.string(), Partition: k.int32()}}
		if k.bad {
			return nil, fmt.Errorf("key of a committed offset: %w", errShort)
		}
		if value == nil {
			return rec, nil
		}
		offset, err := decodeOffset(value)
		if err != nil {
			return nil, fmt.Errorf("offset of group %q for %s-%d: %w", rec.Group, rec.Topic, rec.Partition, err)
		}
		rec.Offset = offset
		return rec, nil
	case version == metadataKeyVersion:
		rec := MetadataRecord{Group: k.string()}
		if k.bad {
			return nil, fmt.Errorf("key of a group's metadata: %w", errShort)
		}
		if value == nil {
			return rec, nil
		}
		m, err := decodeMetadata(value)
		if err != nil {
			return nil, fmt.Errorf("metadata of group %q: %w", rec.Group, err)
		}
		rec.Metadata = m
		return rec, nil
	default:
		return nil, ErrForeignRecord
	}
}

func decodeOffset(value []byte) (*Offset, error) {
	r := reader{in: value}
	version := r.int16()
	if version < 0 || version > newestValueVersion {
		return nil, fmt.Errorf("version %d of an offset's value is unknown", version)
	}
	r.flexible = version >= 4
	o := &Offset{Offset: r.int64(), LeaderEpoch: -1, ExpireTime: -1}
	if version >= 3 {
		o.LeaderEpoch = r.int32()
	}
	o.Metadata = r.string()
	o.CommitTime = r.int64()
	if version == 1 {
		o.ExpireTime = r.int64()
	}
	r.tags(func(tag int, value []byte) {
		if tag == topicIDTag && len(value) == len(o.TopicID) {
			o.TopicID = metadata.TopicID(value)
		}
	})
	return o, r.err()
}

func decodeMetadata(value []byte) (*Metadata, error) {
	r := reader{in: value}
	version := r.int16()
	if version < 0 || version > newestValueVersion {
		return nil, fmt.Errorf("version %d of a group's metadata is unknown", version)
	}
	r.flexible = version >= 4
	m := &Metadata{
		ProtocolType: r.string(), Generation: r.int32(), Protocol: r.string(), Leader: r.string(), StateTimestamp: -1,
	}
	if version >= 2 {
		m.StateTimestamp = r.int64()
	}
	for n := r.length(true); n > 0 && !r.bad; n-- {
		p := MemberMetadata{MemberID: r.string(), RebalanceTimeout: -time.Millisecond}
		if version >= 3 {
			p.InstanceID = r.string()
		}
		p.Client = Client{ID: r.string(), Host: r.string()}
		if version >= 1 {
			p.RebalanceTimeout = time.Duration(r.int32()) * time.Millisecond
		}
		p.SessionTimeout = time.Duration(r.int32()) * time.Millisecond
		p.Subscription = append([]byte{}, r.bytes()...)
		p.Assignment = append([]byte{}, r.bytes()...)
		r.tags(nil)
		m.Members = append(m.Members, p)
	}
	r.tags(nil)
	return m, r.err()
}
