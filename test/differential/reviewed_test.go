package differential

import (
	"regexp"
	"slices"
)

// difference is a field in which the answers may differ, with the reason.
type difference struct {
	// step and at are regular expressions that match the whole of "sequence/step" and of "path: Kafka has …, Chronik
	// …".
	step, at string
	why      string
}

// reviewedDifferences are the intended differences. Each hides no more than its reason says.
var reviewedDifferences = slices.Concat([]difference{
	{`.*`, `.*\.(Port|Host): .*`, "the brokers listen at different addresses"},
	{`.*`, `\.ClusterID: .*`, "the clusters differ"},
	{`.*`, `.*\.Dir: .*`, "the directories differ"},
	{
		`metadata/auto-create at once`,
		`\.Topics\[auto\d+\]\.(ErrorCode: Kafka has 3, Chronik 0|TopicID: .*|Partitions: Kafka has null.*|` +
			`Partitions\[0\]: .*something)`,
		"Kafka creates the topic in the background and has the client retry; here it exists when the answer comes. " +
			"Clients know both answers. This one saves them a round trip, and avoids Kafka's race of a topic that is " +
			"not known yet to the broker that gets the next request",
	},
	{
		`metadata/by a null name`, `.*ErrorCode: Kafka has -1, Chronik 42`,
		"Kafka fails on the request; here the client is told that it is invalid",
	},
}, producingDifferences, fetchingDifferences, configDifferences, clusterDifferences, assignmentDifferences,
	groupDifferences)

var producingDifferences = []difference{
	{
		`produce/an old version`, `connection: Kafka has closed, Chronik an answer`,
		"versions 0 to 2 are announced for librdkafka's sake only (KAFKA-18659); " +
			"here a client that uses them is told UNSUPPORTED_VERSION",
	},
	{`produce/null records`, `connection: Kafka has silence, Chronik an answer`, "Kafka never answers"},
	{
		`produce/a partition twice`, `.*\.Partitions\[0( again 2)?\](\.BaseOffset)?: .*`,
		"Kafka forgets one of the two batches without a word; here both are appended and answered",
	},
	{
		`produce/a transactional id`,
		`.*\.Partitions\[0\]\.(ErrorCode: Kafka has 0, Chronik 48|ErrorMessage: .*|(BaseOffset|` +
			`LogStartOffset): .*, Chronik -1)`,
		"transactions are not served",
	},
	{
		`produce/(a negative length|magic 3)`,
		`.*\.ErrorMessage: Kafka has "(Record size|Invalid magic).*", Chronik null`,
		"Kafka refuses the whole request before it reads the partitions; " +
			"the text is for people, and the code is the same",
	},
	{
		`produce/codec [57]`, `.*\.(ErrorCode: Kafka has -1, Chronik 76|LogStartOffset: Kafka has 0, Chronik -1)`,
		"Kafka fails on a codec that does not exist; here the client is told which kind of error it is",
	},
	{
		`produce/(gzip|snappy|lz4|zstd) that is not`, `.*\.ErrorCode: Kafka has -1, Chronik 87`,
		"Kafka fails on records that cannot be decompressed; here the client is told which kind of error it is",
	},
	{`codecs/.*`, `.*\.ErrorCode: Kafka has -1, Chronik 87`, "the same"},
	{
		`codecs/a gzip header behind`, `.*\.(BaseOffset: Kafka has \d+, Chronik -1|ErrorCode: Kafka has 0, Chronik 87)`,
		"Java 17 ignores the header of a gzip member without content; " +
			"here, as for other readers of members, the batch is incomplete",
	},
	{
		`produce/wrong deltas in the records`, `.*\.(BaseOffset: .*, Chronik -1|ErrorCode: Kafka has 0, Chronik 87)`,
		"Kafka stores a batch whose records have offsets outside of it, which consumers then trip over",
	},
	{
		`idempotence/a duplicate behind the last five`, `.*\.ErrorCode: Kafka has 45, Chronik 46`,
		"Kafka's producers send the batch again and again when it is called out of order; here they are told that it was " +
			"appended before, which all clients take for a success (docs/decisions/0009)",
	},
	{
		`idempotence/a producer without an epoch in a batch`,
		`.*\.(BaseOffset: .*, Chronik -1|LogAppendTime: .*, Chronik -1|ErrorCode: Kafka has 0, Chronik 87)`,
		"no producer has an id without an epoch; Kafka stores the batch and then takes what follows for duplicates",
	},
	{`idempotence/a transactional id`, `\.ErrorCode: Kafka has 1[456], Chronik 35`, "transactions are not served"},
}

var fetchingDifferences = []difference{
	{
		`fetch/an unknown isolation level`,
		`(\.ErrorCode: Kafka has -1, Chronik 0|\.Topics: Kafka has null.*|\.Topics\[read\]: Kafka has nothing.*|` +
			`.*\.Partitions\[0\]\.(AbortedTransactions: Kafka has a list, Chronik null|` +
			`ErrorCode: Kafka has -1, Chronik 0|(HighWatermark|LastStableOffset|LogStartOffset): Kafka has -1.*|` +
			`RecordBatches\[\d\]: Kafka has nothing.*))`,
		"Kafka stumbles over it; here it is read_uncommitted",
	},
	{
		`fetch/negative bytes`,
		`.*\.Partitions\[0\]\.(ErrorCode: Kafka has -1, Chronik 0|(HighWatermark|LastStableOffset|` +
			`LogStartOffset): Kafka has -1.*|RecordBatches\[0\]: Kafka has nothing.*)`,
		"Kafka stumbles over a negative size; here it is as good as 0",
	},
	{
		`(fetch|offsets in logs)/a partition twice`,
		`.*\.Partitions\[0 again 2\]: Kafka has nothing, Chronik something`,
		"Kafka answers once; here every question has its answer",
	},
	{
		`offsets in logs/the largest time after that`, `.*\.(LeaderEpoch|Offset|Timestamp): Kafka has \d+, Chronik -1`,
		"Kafka still names a record that was deleted",
	},
}

// review knows the reviewed differences and records which of them have occurred.
type review struct {
	entries  []difference
	step, at []*regexp.Regexp
	used     []bool
}

func newReview(entries []difference) *review {
	r := &review{entries: entries, used: make([]bool, len(entries))}
	for _, d := range entries {
		r.step = append(r.step, regexp.MustCompile(`^(?:`+d.step+`)$`))
		r.at = append(r.at, regexp.MustCompile(`^(?:`+d.at+`)$`))
	}
	return r
}

func (r *review) accepts(step, diff string) bool {
	for i := range r.entries {
		if r.step[i].MatchString(step) && r.at[i].MatchString(diff) {
			r.used[i] = true
			return true
		}
	}
	return false
}

func (r *review) unused() []difference {
	var out []difference
	for i, used := range r.used {
		if !used {
			out = append(out, r.entries[i])
		}
	}
	return out
}
