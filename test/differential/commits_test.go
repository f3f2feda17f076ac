package differential

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// commit commits an offset of rec-0 that encodes the version.
func commit(group, as string, edit ...func(*kmsg.OffsetCommitRequest)) builder {
	return ask(kmsg.NewPtrOffsetCommitRequest, func(w *world, r *kmsg.OffsetCommitRequest) {
		r.Group, r.Generation, r.MemberID = group, int32(w.numbers["generation"]), w.kept[as]
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = "rec", w.idOf("rec")
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset, p.Metadata = int64(r.Version), kmsg.StringPtr("note")
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		for _, e := range edit {
			e(r)
		}
	})
}

func outside(r *kmsg.OffsetCommitRequest) { r.MemberID, r.Generation = "", -1 }

func committing(edit func(*kmsg.OffsetCommitRequestTopicPartition)) func(*kmsg.OffsetCommitRequest) {
	return func(r *kmsg.OffsetCommitRequest) { edit(&r.Topics[0].Partitions[0]) }
}

// offsetsOf is a topic whose partitions 0 and 1 are requested.
type offsetsOf struct{ group, topic string }

// fetchOffsets requests the groups' offsets; without topics, those of every topic.
func fetchOffsets(asked ...offsetsOf) builder {
	return ask(kmsg.NewPtrOffsetFetchRequest, func(w *world, r *kmsg.OffsetFetchRequest) {
		r.Group = asked[0].group
		for _, a := range asked {
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group = a.group
			if a.topic != "" {
				partitions := []int32{0, 1}
				r.Topics = append(r.Topics, kmsg.OffsetFetchRequestTopic{Topic: a.topic, Partitions: partitions})
				g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{
					Topic: a.topic, TopicID: w.idOf(a.topic),
					Partitions: partitions,
				})
			}
			r.Groups = append(r.Groups, g)
		}
	})
}

// stable requests stable offsets only (KIP-447).
func stable(request builder) builder {
	return func(w *world, v int16) kmsg.Request {
		r := request(w, v).(*kmsg.OffsetFetchRequest)
		r.RequireStable = true
		return r
	}
}

// asMember sends the request as a member of the group in an epoch.
func asMember(id string, epoch int32, request builder) builder {
	return func(w *world, v int16) kmsg.Request {
		r := request(w, v).(*kmsg.OffsetFetchRequest)
		for i := range r.Groups {
			r.Groups[i].MemberID, r.Groups[i].MemberEpoch = &id, epoch
		}
		return r
	}
}

func deleteOffsets(group, topic string, partitions ...int32) builder {
	return ask(kmsg.NewPtrOffsetDeleteRequest, func(_ *world, r *kmsg.OffsetDeleteRequest) {
		r.Group = group
		t := kmsg.OffsetDeleteRequestTopic{Topic: topic}
		for _, p := range partitions {
			t.Partitions = append(t.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: p})
		}
		r.Topics = append(r.Topics, t)
	})
}

var committedOffsetSteps = slices.Concat(made("rec", 2), made("gone", 2),
	coordinated("committers", "simple", "nowhere", "other"), []step{
		on("get an id", 9, 9, join("committers", "member")).keeping(keepMember("member")),
		on("join", 9, 9, join("committers", "member")).keeping(keepMember("member")),
		on("sync", 5, 5, syncGroup("committers", "member", []string{"member"})),
		on("commit", 2, 10, commit("committers", "member")),
		on("commit as nobody", 2, 10, commit("committers", "no one")),
		on("commit in an old generation", 2, 10, commit("committers", "member", func(r *kmsg.OffsetCommitRequest) {
			r.Generation = 77
		})),
		on("commit from outside", 2, 10, commit("committers", "member", outside)),
		on("commit with a leader epoch", 6, 10, commit("committers", "member",
			committing(func(p *kmsg.OffsetCommitRequestTopicPartition) {
				p.LeaderEpoch = 3
			}))),
		on("commit without a note", 2, 10, commit("committers", "member",
			committing(func(p *kmsg.OffsetCommitRequestTopicPartition) {
				p.Metadata = nil
			}))),
		on("commit with too long a note", 2, 10, commit("committers", "member",
			committing(func(p *kmsg.OffsetCommitRequestTopicPartition) {
				p.Metadata = kmsg.StringPtr(strings.Repeat("x", 5000))
			}))),
		on("commit a negative offset", 2, 10, commit("committers", "member",
			committing(func(p *kmsg.OffsetCommitRequestTopicPartition) {
				p.Offset = -1
			}))),
		on("commit for an unknown topic", 2, 10, commit("committers", "member", func(r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Topic, r.Topics[0].TopicID = "nowhere", noTopic
		})),
		on("commit for an unknown partition", 2, 10, commit("committers", "member",
			committing(func(p *kmsg.OffsetCommitRequestTopicPartition) {
				p.Partition = 9
			}))),
		on("commit a partition twice", 2, 10, commit("committers", "member", func(r *kmsg.OffsetCommitRequest) {
			again := r.Topics[0].Partitions[0]
			again.Offset = 50
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, again)
		})),
		on("commit for a known and an unknown topic", 2, 10, commit("committers", "member",
			func(r *kmsg.OffsetCommitRequest) {
				unknown := r.Topics[0]
				unknown.Topic, unknown.TopicID = "nowhere", noTopic
				r.Topics = append([]kmsg.OffsetCommitRequestTopic{unknown}, r.Topics...)
			})),
		on("commit nothing", 2, 10, commit("committers", "member", func(r *kmsg.OffsetCommitRequest) { r.Topics = nil })),
		on("commit no partitions", 2, 10, commit("committers", "member", func(r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Partitions = nil
		})),
		on("commit without a group id", 2, 10, commit("", "member")),
		on("commit without a group", 2, 10, commit("simple", "member", outside)),
		on("commit to an unknown group in a generation", 2, 10, commit("nowhere", "member")),
		on("commit without a group for a topic that goes", 9, 9, commit("simple", "member", outside,
			func(r *kmsg.OffsetCommitRequest) {
				r.Topics[0].Topic = "gone"
			})),

		on("fetch", 1, 10, fetchOffsets(offsetsOf{"committers", "rec"})),
		on("fetch all", 2, 10, fetchOffsets(offsetsOf{"committers", ""})),
		on("fetch what is stable", 7, 10, stable(fetchOffsets(offsetsOf{"committers", "rec"}))),
		on("fetch of an unknown topic", 1, 10, fetchOffsets(offsetsOf{"committers", "nowhere"})),
		on("fetch of an unknown group", 1, 10, fetchOffsets(offsetsOf{"nowhere", "rec"})),
		on("fetch all of an unknown group", 2, 10, fetchOffsets(offsetsOf{"nowhere", ""})),
		on("fetch without a group id", 1, 10, fetchOffsets(offsetsOf{"", "rec"})),
		on("fetch all without a group id", 2, 10, fetchOffsets(offsetsOf{"", ""})),
		on("fetch of two groups", 8, 10, fetchOffsets(offsetsOf{"committers", "rec"}, offsetsOf{"simple", ""},
			offsetsOf{"nowhere", "rec"})),
		on("fetch of one group twice", 8, 10, fetchOffsets(offsetsOf{"simple", "rec"}, offsetsOf{"simple", "rec"})),
		on("fetch as a member", 9, 10, asMember("nobody", 3, fetchOffsets(offsetsOf{"committers", "rec"}))),
		on("fetch as a member of an unknown group", 9, 10, asMember("nobody", 3, fetchOffsets(offsetsOf{"nowhere", "rec"}))),
		on("fetch of no groups", 8, 10, ask(kmsg.NewPtrOffsetFetchRequest, func(*world, *kmsg.OffsetFetchRequest) {})),
		on("fetch of no topics", 1, 10, ask(kmsg.NewPtrOffsetFetchRequest, func(_ *world, r *kmsg.OffsetFetchRequest) {
			r.Group, r.Topics = "committers", []kmsg.OffsetFetchRequestTopic{}
			r.Groups = []kmsg.OffsetFetchRequestGroup{{
				Group: "committers", MemberEpoch: -1,
				Topics: []kmsg.OffsetFetchRequestGroupTopic{},
			}}
		})),
		on("delete a topic", 6, 6, deleteTopics("gone")),
		on("wait until it is gone", 12, 12, metadataOf(false, "gone")).until(func(resp kmsg.Response) bool {
			return resp.(*kmsg.MetadataResponse).Topics[0].ErrorCode == 3
		}),
		on("fetch all after that", 9, 10, fetchOffsets(offsetsOf{"simple", ""})).until(func(resp kmsg.Response) bool {
			return len(resp.(*kmsg.OffsetFetchResponse).Groups[0].Topics) == 1
		}),

		on("delete offsets of a subscribed topic", 0, 0, deleteOffsets("committers", "rec", 0)),
		on("delete offsets", 0, 0, deleteOffsets("simple", "rec", 0, 1)),
		on("delete offsets again", 0, 0, deleteOffsets("simple", "rec", 0)),
		on("delete offsets of an unknown group", 0, 0, deleteOffsets("nowhere", "rec", 0)),
		on("delete offsets of an unknown topic", 0, 0, deleteOffsets("committers", "nowhere", 0)),
		on("delete offsets of an unknown partition", 0, 0, deleteOffsets("committers", "rec", 9)),
		on("delete offsets without a group id", 0, 0, deleteOffsets("", "rec", 0)),
		on("delete no offsets", 0, 0, deleteOffsets("committers", "rec")),
		on("fetch what was deleted", 9, 9, fetchOffsets(offsetsOf{"simple", "rec"})),
		on("describe a group without offsets", 6, 6, describeGroups("simple")),
		on("commit without a group again", 9, 9, commit("other", "member", outside)),
		on("describe a group of offsets only", 0, 6, describeGroups("other")),
		on("delete a group of offsets only", 2, 2, deleteGroups("other")),
		on("leave", 5, 5, leave("committers", member("member"))),
		emptied("committers"),
		on("commit after that", 2, 10, commit("committers", "member")),
		on("commit from outside after that", 9, 9, commit("committers", "member", outside)),
	})
