// Package group is the consumer group of Kafka's classic protocol (KIP-62, KIP-134, KIP-345,
// KIP-394, KIP-429) as a pure state machine, and the records in which its state is kept in the topic
// __consumer_offsets.
package group

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Client is who sent a request: what DescribeGroups shows of a member.
type Client struct {
	ID   string
	Host string // the address, as Kafka prints it: "/127.0.0.1"
}

// Protocol is one assignment protocol that a member supports, with its subscription.
type Protocol struct {
	Name     string
	Metadata []byte
}

// JoinRequest asks for membership; see Kafka's JoinGroup. Error kinds of its answer: MemberIDRequired (with the
// member id to come back with), UnknownMemberID, FencedInstanceID, InconsistentGroupProtocol,
// InvalidSessionTimeout, GroupMaxSizeReached, InvalidGroupID, RebalanceInProgress and the coordinator's own.
type JoinRequest struct {
	Group            string
	MemberID         string // "" for a new member
	InstanceID       string // "" for a dynamic member (KIP-345)
	ProtocolType     string
	Protocols        []Protocol // in the member's order of preference
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	Reason           string // KIP-800
	Client           Client
	// RequireMemberID is set from version 4 on: a new dynamic member is answered MemberIDRequired (KIP-394).
	RequireMemberID bool
	// CanSkipAssignment is set from version 9 on (KIP-814).
	CanSkipAssignment bool
}

// JoinResponse answers a JoinRequest.
type JoinResponse struct {
	Generation     int32 // -1 with an error
	ProtocolType   string
	Protocol       string
	Leader         string
	MemberID       string
	SkipAssignment bool
	Members        []JoinedMember // for the leader only
	Err            error
}

// JoinedMember is a member as the group's leader sees it.
type JoinedMember struct {
	MemberID, InstanceID string
	Metadata             []byte
}

// SyncRequest asks for the member's assignment and, from the leader, brings everybody's.
type SyncRequest struct {
	Group, MemberID, InstanceID string
	Generation                  int32
	ProtocolType, Protocol      *string // nil: not checked (before version 5)
	Assignments                 map[string][]byte
}

// SyncResponse answers a SyncRequest.
type SyncResponse struct {
	ProtocolType, Protocol string
	Assignment             []byte
	Err                    error
}

// HeartbeatRequest keeps a member alive.
type HeartbeatRequest struct {
	Group, MemberID, InstanceID string
	Generation                  int32
}

// LeaveMember names a member that leaves: by member id, or by instance id with an empty member id (an
// administrator's removal).
type LeaveMember struct {
	MemberID, InstanceID, Reason string
	Err                          error // in the answer
}

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
	// TopicID is the topic's id when the offset was committed, zero when unknown. An offset that
	// was committed to a topic of another id is none.
	TopicID metadata.TopicID
}

// OffsetCommit is one partition's offset in a commit, with its answer.
type OffsetCommit struct {
	TopicPartition
	Offset
	Err error // in the answer
}

// CommitRequest commits offsets. A generation of -1 with an empty member id is a commit from outside
// the group's protocol (a "simple" consumer or an administrator), allowed while the group is empty.
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

// Description is what DescribeGroups shows.
type Description struct {
	Group, State           string // state as Kafka spells it: Empty, Stable, PreparingRebalance, CompletingRebalance, Dead
	ProtocolType, Protocol string
	Members                []MemberDescription
	Err                    error
}

// MemberDescription is a member in a Description.
type MemberDescription struct {
	MemberID, InstanceID string
	Client               Client
	Metadata, Assignment []byte
}

// Listing is a group in ListGroups.
type Listing struct {
	Group, ProtocolType, State, Type string // type: "classic"
}
