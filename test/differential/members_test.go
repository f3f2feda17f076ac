package differential

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// static makes a member one with an instance id.
func static(id string) func(*kmsg.JoinGroupRequest) {
	return func(r *kmsg.JoinGroupRequest) { r.InstanceID = &id }
}

// protocols are what a member can do.
func protocols(names ...string) func(*kmsg.JoinGroupRequest) {
	return func(r *kmsg.JoinGroupRequest) {
		r.Protocols = nil
		for _, name := range names {
			r.Protocols = append(r.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: []byte(name)})
		}
	}
}

// rebalances holds when the group waits for its members.
func rebalances(resp kmsg.Response) bool { return resp.(*kmsg.HeartbeatResponse).ErrorCode == 27 }

func syncAs(id string) func(*kmsg.SyncGroupRequest) {
	return func(r *kmsg.SyncGroupRequest) { r.InstanceID = &id }
}

func heartbeatAs(id string) func(*kmsg.HeartbeatRequest) {
	return func(r *kmsg.HeartbeatRequest) { r.InstanceID = &id }
}

func commitAs(id string) func(*kmsg.OffsetCommitRequest) {
	return func(r *kmsg.OffsetCommitRequest) { r.InstanceID = &id }
}

// pairSteps are about a group with two members, each on a connection of its own.
var pairSteps = slices.Concat(coordinated("pair"), []step{
	on("one gets an id", 9, 9, join("pair", "one")).via("one").keeping(keepMember("one")),
	on("one joins", 9, 9, join("pair", "one")).via("one").keeping(keepMember("one")),
	on("one syncs", 5, 5, syncGroup("pair", "one", []string{"one"})).via("one"),
	on("two gets an id", 9, 9, join("pair", "two")).via("two").keeping(keepMember("two")),
	on("two joins", 9, 9, join("pair", "two", protocols("roundrobin", "range"))).via("two").unanswered(),
	on("one hears of it", 4, 4, heartbeat("pair", "one")).via("one").until(rebalances),
	on("sync amid a rebalance", 0, 5, syncGroup("pair", "one", nil)).via("one"),
	on("commit amid a rebalance", 2, 9, commit("pair", "one")).via("one"),
	on("describe amid a rebalance", 0, 6, describeGroups("pair")),
	on("list amid a rebalance", 4, 5, listGroups([]string{"PreparingRebalance"}, nil)),
	on("one joins again", 9, 9, join("pair", "one",
		protocols("range", "roundrobin"))).via("one").keeping(keepMember("one")),
	receive("two has joined", "two").keeping(keepMember("two")),
	on("describe before the sync", 6, 6, describeGroups("pair")),
	on("two syncs", 5, 5, syncGroup("pair", "two", nil)).via("two").unanswered(),
	on("one syncs as the leader", 5, 5, syncGroup("pair", "one", []string{"one", "two"})).via("one"),
	receive("two is synced", "two"),
	on("describe both", 0, 6, describeGroups("pair")),
	on("two joins with nothing in common", 5, 9, join("pair", "two", protocols("other"))).via("two"),
	on("three joins with nothing in common", 3, 3, join("pair", "no one", protocols("other"))).via("three"),
	on("two joins as it is", 4, 9, join("pair", "two", protocols("roundrobin", "range"))).via("two"),
	on("the group is as it was", 4, 4, heartbeat("pair", "one")).via("one"),
	on("two leaves and so does nobody", 5, 5, leave("pair", member("two"), member("nobody"))).via("two"),
	on("one hears that two has left", 4, 4, heartbeat("pair", "one")).via("one").until(rebalances),
	on("one joins alone", 9, 9, join("pair", "one")).via("one").keeping(keepMember("one")),
	on("one leaves", 5, 5, leave("pair", member("one"))).via("one"),
	emptied("pair"),
	on("describe nobody", 6, 6, describeGroups("pair")),
})

// staticSteps are about a group with two static members.
var staticSteps = slices.Concat(coordinated("static"), []step{
	on("first joins", 9, 9, join("static", "first", static("i-1"))).via("first").keeping(keepMember("first")),
	on("first syncs", 5, 5, syncGroup("static", "first", []string{"first"}, syncAs("i-1"))).via("first"),
	on("second joins", 9, 9, join("static", "second", static("i-2"))).via("second").unanswered(),
	on("first hears of it", 4, 4, heartbeat("static", "first", heartbeatAs("i-1"))).via("first").until(rebalances),
	on("first joins again", 9, 9, join("static", "first", static("i-1"))).via("first").keeping(keepMember("first")),
	receive("second has joined", "second").keeping(keepMember("second")),
	on("second syncs", 5, 5, syncGroup("static", "second", nil, syncAs("i-2"))).via("second").unanswered(),
	on("first syncs as the leader", 5, 5, syncGroup("static", "first", []string{"first", "second"},
		syncAs("i-1"))).via("first"),
	receive("second is synced", "second"),
	on("describe", 0, 6, describeGroups("static")),
	on("second comes back without its id", 9, 9, join("static", "nobody yet",
		static("i-2"))).via("again").keeping(keepMember("second again")),
	on("second gets its assignment back", 5, 5, syncGroup("static", "second again", nil, syncAs("i-2"))).via("again"),
	on("the old second heartbeats", 3, 4, heartbeat("static", "second", heartbeatAs("i-2"))).via("second"),
	on("the old second heartbeats without its instance", 0, 4, heartbeat("static", "second")).via("second"),
	on("the old second commits", 7, 9, commit("static", "second", commitAs("i-2"))).via("second"),
	on("the old second syncs", 3, 5, syncGroup("static", "second", nil, syncAs("i-2"))).via("second"),
	on("the old second joins", 5, 9, join("static", "second", static("i-2"))).via("second"),
	on("the old second leaves", 3, 5, leave("static", instance("i-2", "second"))).via("second"),
	on("an unknown instance heartbeats", 3, 4, heartbeat("static", "first", heartbeatAs("i-9"))),
	on("an unknown instance commits", 7, 9, commit("static", "first", commitAs("i-9"))),
	on("an unknown instance leaves", 3, 5, leave("static", instance("i-9", "no one"))),
	on("the first leader comes back without its id", 9, 9, join("static", "nobody yet",
		static("i-1"))).via("leader").keeping(keepMember("first again")),
	on("the leader syncs", 5, 5, syncGroup("static", "first again", nil, syncAs("i-1"))).via("leader"),
	on("describe what has not changed", 6, 6, describeGroups("static")),
	on("the leader comes back in an older version", 5, 5, join("static", "nobody yet",
		static("i-1"))).via("leader").keeping(keepMember("first again")),
	on("leave by instance", 5, 5, leave("static", instance("i-1", "no one"), instance("i-2", "no one"))),
	emptied("static"),
	on("describe nobody", 6, 6, describeGroups("static")),
})

var memberSteps = slices.Concat(made("rec", 2), pairSteps, staticSteps)
