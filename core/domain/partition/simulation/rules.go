package simulation

// Rule is a rule of the protocol that the simulation can break, to show that its checks notice that. partition.Replica
// itself is not changed, only what goes into it and what comes out of it.
type Rule uint8

// The rules.
const (
	NoRule              Rule = iota
	AckDurableOnly           // a fetch acknowledges only what is on the follower's disk
	AckReplicated            // acks -1 waits for the high watermark
	ShrinkWhenCommitted      // a smaller ISR counts when it is committed
	GrowWhenAsked            // a larger ISR counts from the request on
	JoinWhenCaughtUp         // only a replica that has reached the high watermark joins the ISR
	CutByEpochs              // a log is truncated where the epochs diverge, not at the high watermark
	CompareEpochs            // a fetch names its last record's epoch
	CutByOwnEpochs           // a log is truncated no later than its own epoch ended (KIP-279)
	MatchAnswers             // an answer counts only for the fetch that it answers
	ResetWhenForgotten       // a log whose last epoch the leader has deleted is reset
	ElectInSync              // leaders come from the ISR
	LeaveWhenRestarted       // a broker that has restarted leaves the ISR before it counts
	JoinUnderOwnEpoch        // a broker joins the ISR only under its current broker epoch
	StopWithoutLease         // a leader without lease acknowledges nothing and serves no reads
	ReadWhenKnown            // a new leader serves reads when it knows what was committed
	CompareVersion           // metadata accepts proposals against the current version only
	// a heartbeat counts when a majority has confirmed afterwards that it was sent to the metadata's leader
	CountWhenProven
	ReturnWhenSeen       // a fenced broker is unfenced when it has seen that it was fenced
	GrantFullSessions    // a new leader of the metadata grants every broker a full session
	DeleteCommitted      // retention deletes nothing above the high watermark
	CompactCommitted     // compaction removes nothing above the high watermark, and no record there replaces another
	KeepWhereEpochsBegin // compaction keeps at least the header of the first batch of each leader epoch
	AckDuplicates        // a duplicate whose offset is not remembered waits for all later remembered batches
	KnowWhereLogsBegin   // a fetch of a log that begins above all that was committed acknowledges nothing
	AwaitFirstBatches    // a new leader takes no later batch of an unknown producer before the first ones
	ruleCount
)

// String returns the rule's name.
func (r Rule) String() string {
	return [...]string{
		"no rule", "AckDurableOnly", "AckReplicated", "ShrinkWhenCommitted", "GrowWhenAsked", "JoinWhenCaughtUp",
		"CutByEpochs", "CompareEpochs", "CutByOwnEpochs", "MatchAnswers", "ResetWhenForgotten", "ElectInSync",
		"LeaveWhenRestarted", "JoinUnderOwnEpoch", "StopWithoutLease", "ReadWhenKnown", "CompareVersion", "CountWhenProven",
		"ReturnWhenSeen", "GrantFullSessions", "DeleteCommitted", "CompactCommitted", "KeepWhereEpochsBegin",
		"AckDuplicates", "KnowWhereLogsBegin", "AwaitFirstBatches",
	}[r]
}

// Rules returns all rules that can be broken.
func Rules() []Rule {
	all := make([]Rule, 0, ruleCount-1)
	for r := NoRule + 1; r < ruleCount; r++ {
		all = append(all, r)
	}
	return all
}
