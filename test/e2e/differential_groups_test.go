package e2e

import "github.com/twmb/franz-go/pkg/kmsg"

// groupSteps tells the life of groups with one member, in every version.
var groupSteps = []step{
	{"create", 7, 7, createTopics(func(_ *kmsg.CreateTopicsRequest, t *kmsg.CreateTopicsRequestTopic) {
		t.Topic, t.NumPartitions = "rec", 1
	}), nil},
	{"find coordinator", 0, 6, findCoordinator("readers"), nil},
	{"find coordinator of nothing", 0, 6, findCoordinator(""), nil},
	{"join with unknown member", 0, 9, join(func(r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" }), nil},
	{"join with short session", 0, 9, join(func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1 }), nil},
	{"join without group id", 0, 9, join(func(r *kmsg.JoinGroupRequest) { r.Group = "" }), nil},
	{"join without protocols", 0, 9, join(func(r *kmsg.JoinGroupRequest) { r.Protocols = nil }), nil},
	{"join first", 4, 9, join(func(r *kmsg.JoinGroupRequest) {}), keepMember},
	{"join", 4, 9, joinAsMember, keepMember},
	{"join with another type", 5, 9, join(func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "other" }), nil},
	{"sync", 0, 5, syncGroup(func(*kmsg.SyncGroupRequest) {}), nil},
	{"sync old generation", 0, 5, syncGroup(func(r *kmsg.SyncGroupRequest) { r.Generation = 77 }), nil},
	{"sync wrong protocol", 5, 5, syncGroup(func(r *kmsg.SyncGroupRequest) { r.Protocol = kmsg.StringPtr("other") }), nil},
	{"heartbeat", 0, 4, heartbeat(func(*kmsg.HeartbeatRequest) {}), nil},
	{"heartbeat of nobody", 0, 4, heartbeat(func(r *kmsg.HeartbeatRequest) { r.MemberID = "nobody" }), nil},
	{"heartbeat old generation", 0, 4, heartbeat(func(r *kmsg.HeartbeatRequest) { r.Generation = 77 }), nil},
	{"heartbeat unknown group", 0, 4, heartbeat(func(r *kmsg.HeartbeatRequest) { r.Group = "nowhere" }), nil},
	{"describe", 0, 6, describeGroups("readers"), nil},
	{"describe unknown", 0, 6, describeGroups("nowhere"), nil},
	{"list", 0, 5, listGroups(nil, nil), nil},
	{"list stable", 4, 5, listGroups([]string{"Stable"}, nil), nil},
	{"list nonsense", 4, 5, listGroups([]string{"Nonsense"}, nil), nil},
	{"list classic", 5, 5, listGroups(nil, []string{"classic"}), nil},
	{"commit", 2, 10, commit(func(*kmsg.OffsetCommitRequest) {}), nil},
	{"commit by nobody", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.MemberID = "nobody" }), nil},
	{"commit old generation", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.Generation = 77 }), nil},
	{"commit from outside", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.MemberID, r.Generation = "", -1 }), nil},
	{"commit unknown topic", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Topic, r.Topics[0].TopicID = "nowhere", [16]byte{9} }), nil},
	{"commit unknown partition", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Partition = 9 }), nil},
	{"simple commit", 2, 10, commit(func(r *kmsg.OffsetCommitRequest) { r.Group, r.MemberID, r.Generation = "simple", "", -1 }), nil},
	{"fetch offsets", 1, 10, fetchOffsets("readers", false), nil},
	{"fetch all offsets", 2, 10, fetchOffsets("readers", true), nil},
	{"fetch offsets of an unknown group", 1, 10, fetchOffsets("nowhere", false), nil},
	{"delete offsets in use", 0, 0, deleteOffsets("readers"), nil},
	{"delete offsets", 0, 0, deleteOffsets("simple"), nil},
	{"delete offsets of an unknown group", 0, 0, deleteOffsets("nowhere"), nil},
	{"delete group in use", 0, 2, deleteGroup("readers"), nil},
	{"leave as nobody", 0, 5, leave("nobody"), nil},
	{"leave", 5, 5, leave(""), nil},
	{"describe empty", 0, 6, describeGroups("readers"), nil},
	{"delete group", 2, 2, deleteGroup("readers"), nil},
	{"delete unknown group", 0, 2, deleteGroup("nowhere"), nil},
	{"init producer id for a producer that is gone", 3, 5, func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.Version, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = v, 60_000, 123, -1
		return req
	}, nil},
}

func findCoordinator(group string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrFindCoordinatorRequest()
		req.Version, req.CoordinatorKey, req.CoordinatorKeys = v, group, []string{group}
		return req
	}
}

func join(edit func(*kmsg.JoinGroupRequest)) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Version, req.Group, req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = v, "readers", 30_000, 30_000
		req.ProtocolType = "consumer"
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: subscription}}
		edit(req)
		return req
	}
}

func joinAsMember(w *world, v int16) kmsg.Request {
	return join(func(r *kmsg.JoinGroupRequest) { r.MemberID = w.kept["member"] })(w, v)
}

func keepMember(w *world, resp kmsg.Response) {
	r := resp.(*kmsg.JoinGroupResponse)
	if r.MemberID != "" {
		w.kept["member"] = r.MemberID
	}
	w.generation = r.Generation
}

func syncGroup(edit func(*kmsg.SyncGroupRequest)) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrSyncGroupRequest()
		req.Version, req.Group, req.Generation, req.MemberID = v, "readers", w.generation, w.kept["member"]
		req.ProtocolType, req.Protocol = kmsg.StringPtr("consumer"), kmsg.StringPtr("range")
		req.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: w.kept["member"], MemberAssignment: []byte("all of it")}}
		edit(req)
		return req
	}
}

func heartbeat(edit func(*kmsg.HeartbeatRequest)) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Version, req.Group, req.Generation, req.MemberID = v, "readers", w.generation, w.kept["member"]
		edit(req)
		return req
	}
}

func describeGroups(group string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Version, req.Groups, req.IncludeAuthorizedOperations = v, []string{group}, true
		return req
	}
}

func listGroups(states, types []string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrListGroupsRequest()
		req.Version, req.StatesFilter, req.TypesFilter = v, states, types
		return req
	}
}

func commit(edit func(*kmsg.OffsetCommitRequest)) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.Generation, req.MemberID = v, "readers", w.generation, w.kept["member"]
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = "rec", w.topic["rec"]
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Offset, p.Metadata = int64(v), kmsg.StringPtr("note")
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
		edit(req)
		return req
	}
}

func fetchOffsets(group string, all bool) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Version, req.Group, req.RequireStable = v, group, true
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = group
		if !all {
			req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "rec", Partitions: []int32{0, 1}}}
			g.Topics = []kmsg.OffsetFetchRequestGroupTopic{{Topic: "rec", TopicID: w.topic["rec"], Partitions: []int32{0, 1}}}
		}
		req.Groups = append(req.Groups, g)
		return req
	}
}

func deleteOffsets(group string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrOffsetDeleteRequest()
		req.Version, req.Group = v, group
		req.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "rec", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 0}}}}
		return req
	}
}

func deleteGroup(group string) func(*world, int16) kmsg.Request {
	return func(_ *world, v int16) kmsg.Request {
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Version, req.Groups = v, []string{group}
		return req
	}
}

func leave(member string) func(*world, int16) kmsg.Request {
	return func(w *world, v int16) kmsg.Request {
		if member == "" {
			member = w.kept["member"]
		}
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group, req.MemberID = v, "readers", member
		req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: member}}
		return req
	}
}
