package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/group"
)

// Protocol is one assignment protocol that a member supports, with its subscription.
type Protocol struct {
	Name     string
	Metadata []byte
}

// JoinRequest asks for membership; see Kafka's JoinGroup. Error kinds of its answer: MemberIDRequired (with the member
// id for the next attempt), UnknownMemberID, FencedInstanceID, InconsistentGroupProtocol, InvalidSessionTimeout,
// GroupMaxSizeReached, InvalidGroupID, RebalanceInProgress and those of the coordinator.
type JoinRequest struct {
	Group            string
	MemberID         string // "" for a new member
	InstanceID       string // "" for a dynamic member (KIP-345)
	ProtocolType     string
	Protocols        []Protocol // in the member's order of preference
	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	Reason           string // KIP-800
	Client           group.Client
	// RequireMemberID is set from version 4 on: a new dynamic member gets MemberIDRequired (KIP-394).
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

// SyncRequest asks for the member's assignment. That of the leader contains the assignments of all members.
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

// HeartbeatRequest extends a member's session.
type HeartbeatRequest struct {
	Group, MemberID, InstanceID string
	Generation                  int32
}

// LeaveMember names a member that leaves: by its member id, or by its instance id with an empty member id, when an
// administrator removes it.
type LeaveMember struct {
	MemberID, InstanceID, Reason string
	Err                          error // in the answer
}
