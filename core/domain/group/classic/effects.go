package classic

import "github.com/chronik-stream/chronik/core/domain/group"

// Effects is what the caller has to do after a step. Answers may be sent at once, even before the records are durable:
// answers that depend on records are effects of Written.
type Effects struct {
	Joins  []JoinAnswer
	Syncs  []SyncAnswer
	Writes []Write
	Events []Event
}

// JoinAnswer answers a waiting Join: the caller has to call To with the response.
type JoinAnswer struct {
	To func(JoinResponse)
	JoinResponse
}

// SyncAnswer answers a waiting Sync: the caller has to call To with the response.
type SyncAnswer struct {
	To func(SyncResponse)
	SyncResponse
}

// Write is a batch of records to append. Unless it is empty, Written must be called with it once, when its result is
// known.
type Write struct {
	Records    []group.Record
	purpose    purpose
	generation int32
	memberID   string  // toReplaceStatic: the new member
	replaced   *member // toReplaceStatic: the old member, restored when the write fails
	leader     string  // toReplaceStatic: the previous leader
	skip       bool    // toReplaceStatic: the client supports KIP-814
}

// purpose says how a step continues after its write.
type purpose int8

const (
	toRecord        purpose = iota // nothing follows
	toCreate                       // the group's first record
	toAssign                       // the leader's assignment: answers Syncs
	toReplaceStatic                // a static member's new id: answers its Join
	toDelete                       // the group's end
)

// Event is a change of a group that is logged for operators.
type Event struct {
	Text       string
	Member     string // "" when it is about the group
	Generation int32
	Reason     string // KIP-800, or the coordinator's own
}

func (g *Group) report(text, memberID, reason string) {
	g.fx.Events = append(g.fx.Events, Event{Text: text, Member: memberID, Generation: g.generation, Reason: reason})
}

// respond answers a Join that may have no member.
func (g *Group) respond(answer func(JoinResponse), r JoinResponse) {
	g.fx.Joins = append(g.fx.Joins, JoinAnswer{To: answer, JoinResponse: r})
}

// answerJoin answers the member's waiting Join, if there is one.
func (g *Group) answerJoin(m *member, r JoinResponse) {
	if m.join != nil {
		g.respond(m.join, r)
		m.join = nil
	}
}

// answerSync answers the member's waiting Sync, if there is one.
func (g *Group) answerSync(m *member, r SyncResponse) bool {
	if m.sync == nil {
		return false
	}
	g.fx.Syncs = append(g.fx.Syncs, SyncAnswer{To: m.sync, SyncResponse: r})
	m.sync = nil
	return true
}
