package differential

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

func atMost(bytes int32) func(*kmsg.FetchRequest) {
	return func(r *kmsg.FetchRequest) {
		r.MaxBytes = bytes
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].PartitionMaxBytes = bytes
			}
		}
	}
}

// asking edits the requested partition.
func asking(edit func(*kmsg.FetchRequestTopicPartition)) func(*kmsg.FetchRequest) {
	return func(r *kmsg.FetchRequest) { edit(&r.Topics[0].Partitions[0]) }
}

// fetchBoth requests partition 0 of two topics.
func fetchBoth(first, second string, edit ...func(*kmsg.FetchRequest)) builder {
	return func(w *world, v int16) kmsg.Request {
		r := fetch(first, 0, edit...)(w, v).(*kmsg.FetchRequest)
		r.Topics = append(r.Topics, w.fetched(second, 0, 0))
		return r
	}
}

func leaderEpoch(n int32) func(*kmsg.FetchRequest) {
	return asking(func(p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = n })
}

func lastFetched(n int32) func(*kmsg.FetchRequest) {
	return asking(func(p *kmsg.FetchRequestTopicPartition) { p.LastFetchedEpoch = n })
}

var fetchSteps = slices.Concat(made("read", 2), made("cut", 1), made("none", 1), made("packed", 1), []step{
	on("write two", 9, 9, produce("read", these(harness.Batch("a", "b")))),
	on("write one", 9, 9, produce("read", these(harness.Batch("c")))),
	on("write zstd", 9, 9, produce("packed", these(codec(4, zstandard)))),
	on("write to cut", 9, 9, produce("cut", these(append([]byte(nil), harness.Batch("a", "b", "c")...)))),
	on("cut", 2, 2, deleteRecords("cut", 0, 2)),

	on("the start", 4, 18, fetch("read", 0)),
	on("the middle of a batch", 4, 18, fetch("read", 1)),
	on("the end", 4, 18, fetch("read", 3)),
	on("an empty log", 4, 18, fetch("none", 0)),
	on("without waiting", 4, 18, fetch("none", 0, func(r *kmsg.FetchRequest) { r.MaxWaitMillis, r.MinBytes = 0, 0 })),
	on("read committed", 4, 18, fetch("read", 0, func(r *kmsg.FetchRequest) { r.IsolationLevel = 1 })),
	on("an unknown isolation level", 4, 18, fetch("read", 0, func(r *kmsg.FetchRequest) { r.IsolationLevel = 7 })),
	on("one byte", 4, 18, fetch("read", 0, atMost(1))),
	on("no bytes", 4, 18, fetch("read", 0, atMost(0))),
	on("negative bytes", 4, 18, fetch("read", 0, atMost(-1))),
	on("zstd", 4, 18, fetch("packed", 0)),
	on("two topics", 4, 18, fetchBoth("read", "packed")),
	on("two topics, one byte", 11, 18, fetchBoth("read", "cut", atMost(1))),
	on("a known and an unknown topic", 4, 18, fetchBoth("read", "nowhere")),
	on("behind the end", 4, 18, fetch("read", 1000)),
	on("before the start", 4, 18, fetch("read", -5)),
	on("what was deleted", 4, 18, fetch("cut", 0)),
	on("what was left", 4, 18, fetch("cut", 2)),
	on("an unknown topic", 4, 18, fetch("nowhere", 0)),
	on("no id", 13, 18, fetch("read", 0, func(r *kmsg.FetchRequest) { r.Topics[0].TopicID = [16]byte{} })),
	on("an unknown partition", 4, 18, fetch("read", 0, asking(func(p *kmsg.FetchRequestTopicPartition) {
		p.Partition = 9
	}))),
	on("a negative partition", 4, 18, fetch("read", 0, asking(func(p *kmsg.FetchRequestTopicPartition) {
		p.Partition = -1
	}))),
	on("a partition twice", 4, 18, fetch("read", 0, func(r *kmsg.FetchRequest) {
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
	})),
	on("nothing", 4, 18, fetch("read", 0, func(r *kmsg.FetchRequest) { r.Topics = nil })),
	on("in the leader's epoch", 9, 18, fetch("read", 0, leaderEpoch(0))),
	on("in a later epoch", 9, 18, fetch("read", 0, leaderEpoch(9))),
	on("in epoch -2", 9, 18, fetch("read", 0, leaderEpoch(-2))),
	on("after the leader's epoch", 12, 18, fetch("read", 1, lastFetched(0))),
	on("after a later epoch", 12, 18, fetch("read", 1, lastFetched(3))),
	on("behind the end of the last epoch", 12, 18, fetch("read", 1000, lastFetched(0))),
	on("as a follower", 4, 14, fetch("read", 0, func(r *kmsg.FetchRequest) { r.ReplicaID = 1 })),
	on("as an unknown follower", 4, 14, fetch("read", 0, func(r *kmsg.FetchRequest) { r.ReplicaID = 5 })),
	on("as a follower with a state", 15, 18, fetch("read", 0, func(r *kmsg.FetchRequest) {
		r.ReplicaState.ID, r.ReplicaState.Epoch = 5, 0
	})),
	on("from a rack", 11, 18, fetch("read", 0, func(r *kmsg.FetchRequest) { r.Rack = "far" })),
})

// inSession requests topics in the kept session.
func inSession(epoch int32, edit func(w *world, r *kmsg.FetchRequest)) builder {
	return ask(kmsg.NewPtrFetchRequest, func(w *world, r *kmsg.FetchRequest) {
		r.MaxWaitMillis = 0
		r.MinBytes = 1
		r.MaxBytes = 1 << 20
		r.SessionID = int32(w.numbers["session"])
		r.SessionEpoch = epoch
		edit(w, r)
	})
}

// newSession requests topics in a new session.
func newSession(topics ...string) builder {
	return inSession(0, func(w *world, r *kmsg.FetchRequest) {
		r.SessionID = 0
		for _, t := range topics {
			r.Topics = append(r.Topics, w.fetched(t, 0, 0))
		}
	})
}

func keepSession(w *world, resp kmsg.Response) {
	if id := resp.(*kmsg.FetchResponse).SessionID; id != 0 {
		w.numbers["session"] = int64(id)
		w.sessions(id)
	}
}

// next requests nothing new.
func next(*world, *kmsg.FetchRequest) {}

func further(topic string, offset int64) func(*world, *kmsg.FetchRequest) {
	return func(w *world, r *kmsg.FetchRequest) { r.Topics = append(r.Topics, w.fetched(topic, 0, offset)) }
}

func forget(topic string) func(*world, *kmsg.FetchRequest) {
	return func(w *world, r *kmsg.FetchRequest) {
		r.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: topic, TopicID: w.idOf(topic), Partitions: []int32{0}}}
	}
}

// sessionOf is a session's life in one version.
func sessionOf(v int16) []step {
	return []step{
		on("begin", v, v, newSession("ses-a", "ses-b")).keeping(keepSession),
		on("read on", v, v, inSession(1, next)),
		on("move", v, v, inSession(2, further("ses-a", 1))),
		on("read what moved", v, v, inSession(3, next)),
		on("repeat an epoch", v, v, inSession(3, next)),
		on("skip an epoch", v, v, inSession(9, next)),
		on("add", v, v, inSession(4, further("ses-c", 0))),
		on("add an unknown topic", v, v, inSession(5, further("nowhere", 0))),
		on("read with the unknown topic", v, v, inSession(6, next)),
		on("forget", v, v, inSession(7, forget("ses-a"))),
		on("forget what is not there", v, v, inSession(8, forget("nowhere"))),
		on("move behind the end", v, v, inSession(9, further("ses-b", 1000))),
		on("read on behind the end", v, v, inSession(10, next)),
		on("begin again", v, v, inSession(0, further("ses-b", 0))).keeping(keepSession),
		on("read on in the new one", v, v, inSession(1, next)),
		on("end", v, v, inSession(-1, further("ses-b", 0))),
		on("read on after the end", v, v, inSession(2, next)),
		on("an unknown session", v, v, func(w *world, v int16) kmsg.Request {
			r := inSession(3, next)(w, v).(*kmsg.FetchRequest)
			r.SessionID = 77
			return r
		}),
		on("begin with nothing", v, v, newSession()).keeping(keepSession),
		on("add to nothing", v, v, inSession(1, further("ses-c", 0))),
		on("begin with an unknown topic", v, v, newSession("nowhere", "ses-a")).keeping(keepSession),
		on("read on with the unknown topic", v, v, inSession(1, next)),
	}
}

var sessionSteps = slices.Concat(made("ses-a", 1), made("ses-b", 1), made("ses-c", 1),
	[]step{
		on("write a", 9, 9, produce("ses-a", these(harness.Batch("a", "b")))),
		on("write c", 9, 9, produce("ses-c", these(harness.Batch("c")))),
	},
	sessionOf(7), sessionOf(12), sessionOf(13), sessionOf(18),
	[]step{
		on("begin by name", 12, 12, newSession("ses-a")).keeping(keepSession),
		on("read on by id", 13, 13, inSession(1, further("ses-b", 0))),
		on("begin by id", 13, 13, newSession("ses-a")).keeping(keepSession),
		on("read on by name", 12, 12, inSession(1, further("ses-b", 0))),
	})
