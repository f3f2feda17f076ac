package classic

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func partition(p int32) group.TopicPartition {
	return group.TopicPartition{Topic: "orders", Partition: p}
}

func TestCommitRules(t *testing.T) {
	h := newHarness(t, immediate())
	h.kind(h.commit("", "", -1, map[int32]int64{0: 1}), fault.None) // a simple consumer
	ids := h.stable("", "")
	generation := h.g.Generation()
	h.kind(h.commit("", "", -1, map[int32]int64{0: 1}), fault.UnknownMemberID)
	h.kind(h.commit("nobody", "", generation, nil), fault.UnknownMemberID)
	h.kind(h.commit(ids[0], "", generation-1, nil), fault.IllegalGeneration)
	h.kind(h.commit(ids[0], "i-0", generation, nil), fault.UnknownMemberID)
	h.kind(h.commit(ids[0], "", generation, map[int32]int64{0: 7}), fault.None)
	h.join(request(ids[0], ""))
	h.is(PreparingRebalance)
	h.kind(h.commit(ids[1], "", generation, map[int32]int64{1: 8}), fault.None) // a last commit before it rejoins
	h.join(request(ids[1], ""))
	h.is(CompletingRebalance)
	h.kind(h.commit(ids[1], "", generation+1, nil), fault.RebalanceInProgress)
	h.kind(h.commit(ids[1], "", generation, nil), fault.IllegalGeneration)
	if got := h.g.Offsets(); len(got) != 2 || got[0].Offset.Offset != 7 || got[1].Offset.Offset != 8 {
		t.Errorf("offsets %+v", got)
	}
}

func TestCommitKeepsTheMemberAlive(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	for range 5 {
		h.pass(8 * time.Second)
		h.kind(h.commit(ids[0], "", 1, map[int32]int64{0: 1}), fault.None)
	}
	h.is(Stable)
}

func TestCommittedOffsetIsVisibleOnlyWhenDurable(t *testing.T) {
	h := newHarness(t, immediate())
	h.hold = true
	h.kind(h.commit("", "", -1, map[int32]int64{0: 5}), fault.None)
	if _, ok := h.g.Offset(partition(0)); ok || !h.g.PendingOffsets() {
		t.Error("an offset is visible before it is durable")
	}
	h.written(nil)
	if o, ok := h.g.Offset(partition(0)); !ok || o.Offset != 5 || o.CommitTime != h.now.UnixMilli() ||
		o.ExpireTime != -1 || h.g.PendingOffsets() {
		t.Errorf("offset %+v, %t, want 5", o, ok)
	}
	h.hold = true
	h.kind(h.commit("", "", -1, map[int32]int64{0: 6}), fault.None)
	h.written(fault.NotEnoughReplicas)
	if o, _ := h.g.Offset(partition(0)); o.Offset != 5 || h.g.PendingOffsets() {
		t.Errorf("offset %+v after a failed commit, want 5", o)
	}
}

func TestMetadataTooLargeIsTheAnswerOfItsPartitionOnly(t *testing.T) {
	h := newHarness(t, immediate())
	req := &group.CommitRequest{Generation: -1, Retention: -1, Offsets: []group.OffsetCommit{
		{TopicPartition: partition(0), Offset: group.Offset{Offset: 1, Metadata: strings.Repeat("x", 11)}},
		{TopicPartition: partition(1), Offset: group.Offset{Offset: 1, Metadata: strings.Repeat("é", 10)}},
		{TopicPartition: partition(2), Offset: group.Offset{Offset: 1, Metadata: strings.Repeat("😀", 6)}},
	}}
	w, err := h.g.Commit(h.now, req, 10)
	h.kind(err, fault.None)
	h.append(w)
	for i, want := range []fault.Kind{fault.OffsetMetadataTooLarge, fault.None, fault.OffsetMetadataTooLarge} {
		h.kind(req.Offsets[i].Err, want)
	}
	if got := h.g.Offsets(); len(got) != 1 || got[0].Partition != 1 {
		t.Errorf("offsets %+v, want the one of partition 1", got)
	}
}

func TestDeleteOffsets(t *testing.T) {
	h := newHarness(t, immediate())
	h.kind(h.commit("", "", -1, map[int32]int64{0: 1, 1: 1}), fault.None)
	w, errs, err := h.g.DeleteOffsets([]group.TopicPartition{partition(0), {Topic: "other"}})
	h.kind(err, fault.None)
	if len(w.Records) != 1 || errs[0] != nil || errs[1] != nil {
		t.Errorf("DeleteOffsets() = %+v, %v", w, errs)
	}
	h.append(w)
	ids := h.stable("")
	_, errs, err = h.g.DeleteOffsets([]group.TopicPartition{partition(1), {Topic: "other"}})
	h.kind(err, fault.None)
	h.kind(errs[0], fault.GroupSubscribedToTopic)
	h.kind(errs[1], fault.None)
	if got := h.g.Offsets(); len(got) != 1 || got[0].Partition != 1 {
		t.Errorf("offsets %+v, want the one of partition 1", got)
	}
	h.leave(LeaveMember{MemberID: ids[0]})
	if _, errs, _ := h.g.DeleteOffsets([]group.TopicPartition{partition(1)}); errs[0] != nil {
		t.Errorf("an empty group's offset cannot be deleted: %v", errs[0])
	}
	connect := newHarness(t, immediate())
	req := request("", "")
	req.ProtocolType = "connect"
	connect.join(req)
	_, _, err = connect.g.DeleteOffsets(nil)
	h.kind(err, fault.NonEmptyGroup)
}

func TestDeleteRemovesOnlyEmptyGroupsAndAllTheirOffsets(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	h.kind(h.commit(ids[0], "", 1, map[int32]int64{0: 1, 1: 2}), fault.None)
	_, err := h.g.Delete()
	h.kind(err, fault.NonEmptyGroup)
	h.leave(LeaveMember{MemberID: ids[0]})
	w, err := h.g.Delete()
	h.kind(err, fault.None)
	if len(w.Records) != 3 {
		t.Errorf("records %+v, want two offsets' and the group's tombstones", w.Records)
	}
	_, err = h.g.Delete()
	h.kind(err, fault.GroupIDNotFound)
	h.append(w)
	if !h.g.Vacant() {
		t.Error("something is left of the group")
	}
}

// Anomaly 16: a committed offset is resurrected. The commit was not durable yet when the group was deleted.
func TestDeletedOffsetDoesNotRiseAgainWhenTheLogIsRead(t *testing.T) {
	for name, remove := range map[string]func(h *harness) Write{
		"delete group": func(h *harness) Write { w, _ := h.g.Delete(); return w },
		"delete offsets": func(h *harness) Write {
			w, _,
				_ := h.g.DeleteOffsets([]group.TopicPartition{partition(0)})
			return w
		},
		"delete topic": func(h *harness) Write { return h.g.DropTopics(noTopics) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, immediate())
			h.hold = true
			h.kind(h.commit("", "", -1, map[int32]int64{0: 1}), fault.None)
			h.append(remove(h))
			h.written(nil)
			again := NewFromLog("g")
			for _, r := range h.log {
				again.Apply(r)
			}
			if _, ok := again.Offset(partition(0)); ok || len(h.g.Offsets()) != 0 {
				t.Errorf("the offset is back: live %+v, replayed %+v", h.g.Offsets(), again.Offsets())
			}
		})
	}
}

func noTopics(string) (metadata.TopicID, bool) { return metadata.TopicID{}, false }

func TestOffsetsOfTopicsThatAreGoneAreDropped(t *testing.T) {
	h := newHarness(t, immediate())
	commit := func(topic string, id metadata.TopicID) {
		w, err := h.g.Commit(h.now, &group.CommitRequest{
			Generation: -1, Retention: -1,
			Offsets: []group.OffsetCommit{{
				TopicPartition: group.TopicPartition{Topic: topic},
				Offset:         group.Offset{TopicID: id},
			}},
		}, 10)
		h.kind(err, fault.None)
		h.append(w)
	}
	for _, topic := range []string{"gone", "created again", "same", "committed again"} {
		commit(topic, metadata.TopicID{1})
	}
	commit("unknown id", metadata.TopicID{})
	h.hold = true
	commit("committed again", metadata.TopicID{2})
	w := h.g.DropTopics(func(name string) (metadata.TopicID, bool) {
		switch name {
		case "gone":
			return metadata.TopicID{}, false
		case "same":
			return metadata.TopicID{1}, true
		default:
			return metadata.TopicID{2}, true
		}
	})
	h.append(w)
	h.written(nil)
	var left []string
	for _, o := range h.g.Offsets() {
		left = append(left, o.Topic)
	}
	if want := []string{"committed again", "same", "unknown id"}; !slices.Equal(left, want) {
		t.Errorf("offsets of %v are left, want %v", left, want)
	}
}

func TestExpiryOfOffsets(t *testing.T) { // KIP-211
	const retention = 7 * 24 * time.Hour
	expire := func(h *harness) int {
		w := h.g.ExpireOffsets(h.now, retention)
		h.append(w)
		return len(w.Records)
	}
	t.Run("a simple group's from their commit", func(t *testing.T) {
		h := newHarness(t, immediate())
		h.commit("", "", -1, map[int32]int64{0: 1})
		h.pass(time.Hour)
		h.commit("", "", -1, map[int32]int64{1: 1})
		h.pass(retention - time.Hour - time.Millisecond)
		if n := expire(h); n != 0 {
			t.Errorf("%d records too early", n)
		}
		h.pass(time.Millisecond)
		if n := expire(h); n != 1 || len(h.g.Offsets()) != 1 {
			t.Errorf("%d records, left %+v", n, h.g.Offsets())
		}
		h.pass(time.Hour)
		if n := expire(h); n != 2 || !h.g.Vacant() {
			t.Errorf("%d records, want the offset's and the group's tombstones", n)
		}
	})
	t.Run("an empty group's from when it became empty", func(t *testing.T) {
		h := newHarness(t, immediate())
		ids := h.stable("")
		h.commit(ids[0], "", 1, map[int32]int64{0: 1})
		for range 30 * 24 {
			h.pass(8 * time.Second)
			h.heartbeat(ids[0], "", 1)
		}
		h.now = h.now.Add(30 * 24 * time.Hour)
		if n := expire(h); n != 0 {
			t.Errorf("%d records while the group consumes the topic", n)
		}
		h.leave(LeaveMember{MemberID: ids[0]})
		h.pass(retention - time.Millisecond)
		if n := expire(h); n != 0 {
			t.Errorf("%d records before the retention has passed", n)
		}
		h.pass(time.Millisecond)
		if n := expire(h); n != 2 || !h.g.Vacant() {
			t.Errorf("%d records, want 2", n)
		}
	})
	t.Run("a stable group's of topics that it does not consume", func(t *testing.T) {
		h := newHarness(t, immediate())
		h.stable("")
		w, err := h.g.Commit(h.now, &group.CommitRequest{
			MemberID: h.g.order[0].id, Generation: 1, Retention: -1,
			Offsets: []group.OffsetCommit{{TopicPartition: group.TopicPartition{Topic: "old"}}, {TopicPartition: partition(0)}},
		},
			10)
		h.kind(err, fault.None)
		h.append(w)
		h.now = h.now.Add(retention)
		if n := expire(h); n != 1 || len(h.g.Offsets()) != 1 || h.g.Offsets()[0].Topic != "orders" {
			t.Errorf("%d records, left %+v", n, h.g.Offsets())
		}
		h.is(Stable)
	})
	t.Run("with their own retention", func(t *testing.T) {
		h := newHarness(t, immediate())
		w, _ := h.g.Commit(h.now, &group.CommitRequest{
			Generation: -1, Retention: time.Minute,
			Offsets: []group.OffsetCommit{{TopicPartition: partition(0)}},
		}, 10)
		h.append(w)
		h.pass(time.Minute)
		if n := expire(h); n != 2 {
			t.Errorf("%d records, want 2", n)
		}
	})
	t.Run("not while a commit is on its way", func(t *testing.T) {
		h := newHarness(t, immediate())
		h.commit("", "", -1, map[int32]int64{0: 1})
		h.pass(retention)
		h.hold = true
		h.commit("", "", -1, map[int32]int64{0: 2})
		if n := expire(h); n != 0 {
			t.Errorf("%d records", n)
		}
		h.written(nil)
		if o, ok := h.g.Offset(partition(0)); !ok || o.Offset != 2 {
			t.Errorf("offset %+v, %t", o, ok)
		}
	})
}

func TestExpiryAfterARestartCountsFromWhenTheGroupBecameEmpty(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	h.commit(ids[0], "", 1, map[int32]int64{0: 1})
	h.now = h.now.Add(time.Hour)
	h.heartbeat(ids[0], "", 1)
	h.leave(LeaveMember{MemberID: ids[0]})
	g := NewFromLog("g")
	for _, r := range h.log {
		g.Apply(r)
	}
	h.g = g
	h.take(g.Restore(h.now.Add(time.Minute), h.settings))
	h.now = h.now.Add(time.Hour - time.Millisecond)
	if w := g.ExpireOffsets(h.now, time.Hour); len(w.Records) != 0 {
		t.Errorf("expired too early: %+v", w)
	}
	h.now = h.now.Add(time.Millisecond)
	if w := g.ExpireOffsets(h.now, time.Hour); len(w.Records) != 2 {
		t.Errorf("records %+v, want 2", w)
	}
}
