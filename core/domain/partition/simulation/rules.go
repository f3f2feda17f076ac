package simulation

// Rule is a rule of the protocol that a driver can break, to show that the checks would notice. partition.Replica
// itself stays as it is: what goes into it or comes out of it is changed.
type Rule uint8

// The rules.
const (
	NoRule                 Rule = iota
	AckDurableOnly              // a fetch acknowledges only what is on the follower's disk
	AckReplicated               // acks -1 waits for the high watermark
	ShrinkWhenCommitted         // a smaller ISR counts when it is committed
	GrowWhenAsked               // a larger ISR counts from the request on
	JoinWhenCaughtUp            // only who has reached the high watermark joins the ISR
	CutByEpochs                 // a log is cut where the epochs part, not at the high watermark
	CompareEpochs               // a fetch names its last record's epoch
	CutByOwnEpochs              // a log is cut no later than its own epoch ended (KIP-279)
	MatchAnswers                // an answer counts for the very fetch that it answers
	BeginAnewWhenForgotten      // a log whose last epoch the leader has deleted begins anew
	ElectInSync                 // leaders come from the ISR
	LeaveWhenRestarted          // a broker that starts anew leaves the ISR before it counts
	JoinUnderOwnEpoch           // who joins the ISR does so under its present broker epoch
	StopWithoutLease            // a leader without lease acknowledges nothing and serves no reads
	ReadWhenKnown               // a new leader serves reads when it knows what was committed
	CompareVersion              // metadata decides against the present version only
	// a heartbeat counts when a majority has confirmed since that it was sent to the metadata's leader
	CountWhenProven
	ReturnWhenSeen       // a fenced broker returns when it has seen that it was fenced
	GrantFullSessions    // who begins to lead the metadata grants every broker a full session
	DeleteCommitted      // retention deletes nothing above the high watermark
	CompactCommitted     // compaction touches nothing above the high watermark, and nothing there replaces anything
	KeepWhereEpochsBegin // compaction keeps the first batch of each leader epoch, if only its header
	AckDuplicates        // a duplicate whose offset is not remembered waits for what came after it
	KnowWhereLogsBegin   // a fetch of a log that begins above all that was committed acknowledges nothing
	ruleCount
)

// String returns the rule's name.
func (r Rule) String() string {
	return [...]string{
		"no rule", "AckDurableOnly", "AckReplicated", "ShrinkWhenCommitted", "GrowWhenAsked", "JoinWhenCaughtUp", "CutByEpochs",
		"CompareEpochs", "CutByOwnEpochs", "MatchAnswers", "BeginAnewWhenForgotten", "ElectInSync", "LeaveWhenRestarted", "JoinUnderOwnEpoch",
		"StopWithoutLease", "ReadWhenKnown", "CompareVersion", "CountWhenProven", "ReturnWhenSeen", "GrantFullSessions",
		"DeleteCommitted", "CompactCommitted", "KeepWhereEpochsBegin", "AckDuplicates", "KnowWhereLogsBegin",
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
