package differential

import (
	"encoding/hex"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// subscription is a consumer's for topic "rec", version 0.
var subscription, _ = hex.DecodeString("000000000001" + "0003" + hex.EncodeToString([]byte("rec")) + "ffffffff")

// join joins a group with the member id that was kept under the name as, the empty one at first.
func join(group, as string, edit ...func(*kmsg.JoinGroupRequest)) builder {
	return ask(kmsg.NewPtrJoinGroupRequest, func(w *world, r *kmsg.JoinGroupRequest) {
		r.Group = group
		r.SessionTimeoutMillis = 30_000
		r.RebalanceTimeoutMillis = 30_000
		r.MemberID = w.kept[as]
		r.ProtocolType = "consumer"
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription}}
		for _, e := range edit {
			e(r)
		}
	})
}

func keepMember(as string) func(*world, kmsg.Response) {
	return func(w *world, resp kmsg.Response) {
		r := resp.(*kmsg.JoinGroupResponse)
		w.kept[as] = r.MemberID
		if r.ErrorCode == 0 {
			w.numbers["generation"] = int64(r.Generation)
		}
	}
}

// syncGroup requests the assignment; it gives all members named in all the same one.
func syncGroup(group, as string, all []string, edit ...func(*kmsg.SyncGroupRequest)) builder {
	return ask(kmsg.NewPtrSyncGroupRequest, func(w *world, r *kmsg.SyncGroupRequest) {
		r.Group, r.Generation, r.MemberID = group, int32(w.numbers["generation"]), w.kept[as]
		r.ProtocolType, r.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
		for _, m := range all {
			r.GroupAssignment = append(r.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
				MemberID:         w.kept[m],
				MemberAssignment: []byte("for " + m),
			})
		}
		for _, e := range edit {
			e(r)
		}
	})
}

func heartbeat(group, as string, edit ...func(*kmsg.HeartbeatRequest)) builder {
	return ask(kmsg.NewPtrHeartbeatRequest, func(w *world, r *kmsg.HeartbeatRequest) {
		r.Group, r.Generation, r.MemberID = group, int32(w.numbers["generation"]), w.kept[as]
		for _, e := range edit {
			e(r)
		}
	})
}

func leave(group string, members ...func(w *world) kmsg.LeaveGroupRequestMember) builder {
	return ask(kmsg.NewPtrLeaveGroupRequest, func(w *world, r *kmsg.LeaveGroupRequest) {
		r.Group = group
		for _, m := range members {
			r.Members = append(r.Members, m(w))
		}
		if len(r.Members) > 0 {
			r.MemberID = r.Members[0].MemberID
		}
	})
}

func member(as string) func(*world) kmsg.LeaveGroupRequestMember {
	return func(w *world) kmsg.LeaveGroupRequestMember {
		id, ok := w.kept[as]
		if !ok {
			id = as
		}
		return kmsg.LeaveGroupRequestMember{MemberID: id}
	}
}

func instance(id, as string) func(*world) kmsg.LeaveGroupRequestMember {
	return func(w *world) kmsg.LeaveGroupRequestMember {
		return kmsg.LeaveGroupRequestMember{MemberID: w.kept[as], InstanceID: &id}
	}
}

func describeGroups(groups ...string) builder {
	return ask(kmsg.NewPtrDescribeGroupsRequest, func(_ *world, r *kmsg.DescribeGroupsRequest) {
		r.Groups, r.IncludeAuthorizedOperations = groups, true
	})
}

func listGroups(states, types []string) builder {
	return ask(kmsg.NewPtrListGroupsRequest, func(_ *world, r *kmsg.ListGroupsRequest) {
		r.StatesFilter, r.TypesFilter = states, types
	})
}

func deleteGroups(groups ...string) builder {
	return ask(kmsg.NewPtrDeleteGroupsRequest, func(_ *world, r *kmsg.DeleteGroupsRequest) { r.Groups = groups })
}

// emptied waits until a group that its last member has left is empty.
func emptied(group string) step {
	return on("wait until it is empty", 5, 5, describeGroups(group)).until(func(resp kmsg.Response) bool {
		return resp.(*kmsg.DescribeGroupsResponse).Groups[0].State == "Empty"
	})
}

// coordinated waits until both brokers coordinate the groups.
func coordinated(groups ...string) []step {
	return []step{
		on("find the coordinator", 6, 6, findCoordinators(0, groups...)).until(coordinatorIsThere),
		on("wait until it has loaded", 5, 5, describeGroups(groups...)).until(coordinatorIsThere),
	}
}

func joining(edit func(*kmsg.JoinGroupRequest)) builder {
	return join("readers", "nobody yet", edit)
}

var groupSteps = slices.Concat(coordinated("readers", "nowhere", "old"), []step{
	on("join with an unknown member", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" })),
	on("join with a short session", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1 })),
	on("join with a long session", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1 << 30 })),
	on("join without a group id", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.Group = "" })),
	on("join without protocols", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.Protocols = nil })),
	on("join without a protocol type", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "" })),
	on("join without both", 0, 9, joining(func(r *kmsg.JoinGroupRequest) { r.Protocols, r.ProtocolType = nil, "" })),
	on("describe what nobody has joined", 0, 6, describeGroups("readers")),
	on("join first", 4, 9, joining(func(*kmsg.JoinGroupRequest) {})).keeping(keepMember("one")),
	on("describe what nobody has joined again", 0, 6, describeGroups("readers")),
	on("join", 4, 9, join("readers", "one")).keeping(keepMember("one")),
	on("join with another type", 5, 9, join("readers", "one", func(r *kmsg.JoinGroupRequest) {
		r.ProtocolType = "other"
	})),
	on("join with another protocol", 5, 9, join("readers", "no one", func(r *kmsg.JoinGroupRequest) {
		r.Protocols[0].Name = "other"
	})),
	on("an unknown member joins", 5, 9, join("readers", "no one", func(r *kmsg.JoinGroupRequest) {
		r.MemberID = "nobody"
	})),
	on("sync as nobody", 0, 5, syncGroup("readers", "no one", nil)),
	on("sync in an old generation", 0, 5, syncGroup("readers", "one", nil, func(r *kmsg.SyncGroupRequest) {
		r.Generation = 77
	})),
	on("commit before the sync", 9, 9, commit("readers", "one")),
	on("heartbeat before the sync", 0, 4, heartbeat("readers", "one")),
	on("describe before the sync", 0, 6, describeGroups("readers")),
	on("sync", 0, 5, syncGroup("readers", "one", []string{"one"})),
	on("sync again without assignments", 0, 5, syncGroup("readers", "one", nil)),
	on("sync with another protocol", 5, 5, syncGroup("readers", "one", nil, func(r *kmsg.SyncGroupRequest) {
		r.Protocol = kmsg.StringPtr("other")
	})),
	on("sync with another type", 5, 5, syncGroup("readers", "one", nil, func(r *kmsg.SyncGroupRequest) {
		r.ProtocolType = kmsg.StringPtr("other")
	})),
	on("sync without a protocol", 5, 5, syncGroup("readers", "one", nil, func(r *kmsg.SyncGroupRequest) {
		r.Protocol = nil
	})),
	on("sync with an unknown group", 0, 5, syncGroup("nowhere", "one", nil)),
	on("sync without a group id", 0, 5, syncGroup("", "one", nil)),
	on("sync with an unknown instance", 3, 5, syncGroup("readers", "one", nil, func(r *kmsg.SyncGroupRequest) {
		r.InstanceID = kmsg.StringPtr("i")
	})),
	on("heartbeat", 0, 4, heartbeat("readers", "one")),
	on("heartbeat of nobody", 0, 4, heartbeat("readers", "no one")),
	on("heartbeat in an old generation", 0, 4, heartbeat("readers", "one", func(r *kmsg.HeartbeatRequest) {
		r.Generation = 77
	})),
	on("heartbeat for an unknown group", 0, 4, heartbeat("nowhere", "one")),
	on("heartbeat without a group id", 0, 4, heartbeat("", "one")),
	on("heartbeat of an unknown instance", 3, 4, heartbeat("readers", "one", func(r *kmsg.HeartbeatRequest) {
		r.InstanceID = kmsg.StringPtr("i")
	})),
	on("describe", 0, 6, describeGroups("readers")),
	on("describe an unknown group", 0, 6, describeGroups("nowhere")),
	on("describe no group id", 0, 6, describeGroups("")),
	on("describe one twice", 0, 6, describeGroups("readers", "nowhere", "readers")),
	on("describe nothing", 0, 6, describeGroups()),
	on("list", 0, 5, listGroups(nil, nil)),
	on("list what is stable", 4, 5, listGroups([]string{"Stable"}, nil)),
	on("list what is stable, in small letters", 4, 5, listGroups([]string{"stable"}, nil)),
	on("list what is empty", 4, 5, listGroups([]string{"Empty"}, nil)),
	on("list a state that is not", 4, 5, listGroups([]string{"Nonsense"}, nil)),
	on("list classic groups", 5, 5, listGroups(nil, []string{"classic"})),
	on("list classic groups, in large letters", 5, 5, listGroups(nil, []string{"CLASSIC"})),
	on("list consumer groups", 5, 5, listGroups(nil, []string{"consumer"})),
	on("list a type that is not", 5, 5, listGroups(nil, []string{"Nonsense"})),
	on("delete a group in use", 0, 2, deleteGroups("readers")),
	on("leave as nobody", 0, 5, leave("readers", member("nobody"))),
	on("leave an unknown group", 0, 5, leave("nowhere", member("one"))),
	on("leave no group id", 0, 5, leave("", member("one"))),
	on("nobody leaves", 3, 5, leave("readers")),
	on("leave as an unknown instance", 3, 5, leave("readers", instance("i", "no one"))),
	on("leave", 5, 5, leave("readers", member("one"))),
	emptied("readers"),
	on("describe an empty group", 0, 6, describeGroups("readers")),
	on("list an empty group", 5, 5, listGroups(nil, nil)),
	on("heartbeat in an empty group", 0, 4, heartbeat("readers", "one")),
	on("sync in an empty group", 0, 5, syncGroup("readers", "one", nil)),
	on("delete a group twice", 2, 2, deleteGroups("readers", "readers")),
	on("describe what was deleted", 0, 6, describeGroups("readers")),
	on("delete an unknown group", 0, 2, deleteGroups("nowhere")),
	on("delete no group id", 0, 2, deleteGroups("")),
	on("delete nothing", 0, 2, deleteGroups()),
}, oldVersion(0), oldVersion(1), oldVersion(2), oldVersion(3))

// oldVersion is the life of a group whose members join without knowing their id.
func oldVersion(v int16) []step {
	return []step{
		on("join at once", v, v, join("old", "nobody yet")).keeping(keepMember("old")),
		on("sync after that", v, v, syncGroup("old", "old", []string{"old"})),
		on("heartbeat after that", v, v, heartbeat("old", "old")),
		on("leave after that", v, v, leave("old", member("old"))),
		emptied("old"),
	}
}
