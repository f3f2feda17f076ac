package differential

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func apiVersions(name, version string) builder {
	return ask(kmsg.NewPtrApiVersionsRequest, func(_ *world, r *kmsg.ApiVersionsRequest) {
		r.ClientSoftwareName, r.ClientSoftwareVersion = name, version
	})
}

func feature(name string, level int16, upgrade int8) kmsg.UpdateFeaturesRequestFeatureUpdate {
	return kmsg.UpdateFeaturesRequestFeatureUpdate{
		Feature: name, MaxVersionLevel: level, UpgradeType: upgrade,
		AllowDowngrade: upgrade != 1,
	}
}

func updateFeatures(validate bool, updates ...kmsg.UpdateFeaturesRequestFeatureUpdate) builder {
	return ask(kmsg.NewPtrUpdateFeaturesRequest, func(_ *world, r *kmsg.UpdateFeaturesRequest) {
		r.FeatureUpdates, r.ValidateOnly = updates, validate
	})
}

func describeCluster(endpoints int8, edit ...func(*kmsg.DescribeClusterRequest)) builder {
	return ask(kmsg.NewPtrDescribeClusterRequest, func(_ *world, r *kmsg.DescribeClusterRequest) {
		r.EndpointType = endpoints
		for _, e := range edit {
			e(r)
		}
	})
}

func findCoordinators(kind int8, keys ...string) builder {
	return ask(kmsg.NewPtrFindCoordinatorRequest, func(_ *world, r *kmsg.FindCoordinatorRequest) {
		r.CoordinatorType, r.CoordinatorKeys = kind, keys
		if len(keys) > 0 {
			r.CoordinatorKey = keys[0]
		}
	})
}

func logDirs(topics ...kmsg.DescribeLogDirsRequestTopic) builder {
	return ask(kmsg.NewPtrDescribeLogDirsRequest, func(_ *world, r *kmsg.DescribeLogDirsRequest) { r.Topics = topics })
}

var logDirsOfAll = ask(kmsg.NewPtrDescribeLogDirsRequest, func(*world, *kmsg.DescribeLogDirsRequest) {})

// coordinatorIsThere repeats a request to a group's coordinator until it is found and has loaded its groups.
func coordinatorIsThere(resp kmsg.Response) bool {
	busy := []int16{14, 15, 16}
	switch r := resp.(type) {
	case *kmsg.FindCoordinatorResponse:
		return !slices.Contains(busy, r.ErrorCode) &&
			!slices.ContainsFunc(r.Coordinators, func(c kmsg.FindCoordinatorResponseCoordinator) bool {
				return slices.Contains(busy, c.ErrorCode)
			})
	case *kmsg.DescribeGroupsResponse:
		return !slices.ContainsFunc(r.Groups, func(g kmsg.DescribeGroupsResponseGroup) bool {
			return slices.Contains(busy, g.ErrorCode)
		})
	}
	return true
}

var clusterSteps = slices.Concat(made("dir", 2), []step{
	on("versions", 0, 4, apiVersions("differential", "1.0")),
	on("versions for a bad name", 3, 4, apiVersions("-a b-", "1.0")),
	on("versions for no name", 3, 4, apiVersions("", "1.0")),
	on("versions for a bad version", 3, 4, apiVersions("differential", "one two")),
	on("versions in a version that is not", 5, 6, apiVersions("differential", "1.0")),
	on("update no feature", 0, 2, updateFeatures(false)),
	on("update an unknown feature", 0, 2, updateFeatures(false, feature("no.feature", 1, 1))),
	on("update an unknown feature, only to see", 1, 2, updateFeatures(true, feature("no.feature", 1, 1))),
	on("lower an unknown feature", 0, 2, updateFeatures(false, feature("no.feature", 1, 2))),
	on("update a feature to a negative level", 0, 2, updateFeatures(false, feature("no.feature", -1, 1))),
	on("update a feature by an unknown type", 1, 2, updateFeatures(false, feature("no.feature", 1, 9))),
	on("the cluster", 0, 2, describeCluster(1)),
	on("the cluster and operations", 0, 2, describeCluster(1, func(r *kmsg.DescribeClusterRequest) {
		r.IncludeClusterAuthorizedOperations = true
	})),
	on("the cluster with fenced brokers", 2, 2, describeCluster(1, func(r *kmsg.DescribeClusterRequest) {
		r.IncludeFencedBrokers = true
	})),
	on("the controllers", 0, 2, describeCluster(2)),
	on("endpoints of an unknown type", 0, 2, describeCluster(3)),
	on("the logs", 1, 5, logDirs(kmsg.DescribeLogDirsRequestTopic{Topic: "dir", Partitions: []int32{0, 1}})),
	on("the logs of an unknown partition", 1, 5, logDirs(kmsg.DescribeLogDirsRequestTopic{
		Topic:      "dir",
		Partitions: []int32{9},
	})),
	on("the logs of an unknown topic", 1, 5, logDirs(kmsg.DescribeLogDirsRequestTopic{
		Topic:      "nowhere",
		Partitions: []int32{0},
	})),
	on("the logs of nothing", 1, 5, logDirs([]kmsg.DescribeLogDirsRequestTopic{}...)),
	on("acls", 1, 3, ask(kmsg.NewPtrDescribeACLsRequest, func(_ *world, r *kmsg.DescribeACLsRequest) {
		r.ResourceType = 1
		r.ResourcePatternType = 1
		r.Operation = 1
		r.PermissionType = 1
	})),
	on("create an acl", 1, 3, ask(kmsg.NewPtrCreateACLsRequest, func(_ *world, r *kmsg.CreateACLsRequest) {
		r.Creations = []kmsg.CreateACLsRequestCreation{{
			ResourceType: 2, ResourceName: "dir", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3,
			PermissionType: 3,
		}}
	})),
	on("delete acls", 1, 3, ask(kmsg.NewPtrDeleteACLsRequest, func(_ *world, r *kmsg.DeleteACLsRequest) {
		r.Filters = []kmsg.DeleteACLsRequestFilter{{ResourceType: 2, ResourcePatternType: 3, Operation: 3, PermissionType: 3}}
	})),
	on("the coordinator of a group in the end", 6, 6, findCoordinators(0, "readers")).until(coordinatorIsThere),
	on("the coordinator of a group", 0, 6, findCoordinators(0, "readers")),
	on("the coordinator of the nameless group", 0, 6, findCoordinators(0, "")),
	on("the coordinators of three groups", 4, 6, findCoordinators(0, "a", "b", "a")),
	on("the coordinators of nothing", 4, 6, findCoordinators(0)),
	on("the coordinator of a transaction", 1, 6, findCoordinators(1, "txn")).until(coordinatorIsThere),
	on("the coordinator of a share", 1, 6, findCoordinators(2,
		"group:AAAAAAAAAAAAAAAAAAAAAA:0")).until(coordinatorIsThere),
	on("the coordinator of a share without a name for it", 6, 6, findCoordinators(2, "readers")),
	on("the coordinator of an unknown type", 1, 6, findCoordinators(9, "readers")),
})
