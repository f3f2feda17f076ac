package differential

// Differences of the administration and of groups, which were reviewed.

var configDifferences = []difference{
	{
		`.*`,
		`.*\.Configs\[min\.insync\.replicas\](\.ConfigSynonyms\[\d\])?(\.Source: Kafka has (3|` +
			`DYNAMIC_DEFAULT_BROKER_CONFIG), Chronik (5|DEFAULT_CONFIG)|: Kafka has something, Chronik nothing)`,
		"Kafka sets it for the whole cluster when it formats one with eligible leader replicas (KIP-966), " +
			"which are not served",
	},
	{
		`configs/all brokers: (describe|replace.*)`,
		`\.Resources\[0\]\.(Configs: Kafka has a list.*|ErrorCode: Kafka has 40, Chronik 0|` +
			`ErrorMessage: Kafka has "Cluster-level min\.insync\.replicas cannot be removed while ELR is ` +
			`enabled\.".*)`,
		"the same: Kafka does not let it be removed",
	},
	{
		`configs/an unknown operation`,
		`.*\.(ErrorCode: Kafka has -1, Chronik 42|` +
			`ErrorMessage: Kafka has null, Chronik "Unknown operations type 9")`,
		"Kafka fails on it; here the client is told that the request is invalid",
	},
	{
		`configs/logger: describe`,
		`.*\.(Configs\[org\.apache\.kafka.*\]: Kafka has something, Chronik nothing|` +
			`Configs\[root\]\.Value: Kafka has "ERROR", Chronik "INFO"|` +
			`Configs\[root\]\.Documentation: Kafka has "", Chronik null)`,
		"Kafka has Java's loggers; here is one, and no config is documented unless that was asked for",
	},
	{
		`configs/(unknown|newer) type: describe.*`,
		`.*\.ErrorMessage: Kafka has "This most likely occurs.*", Chronik "Unsupported resource type.*"`,
		"here the message says what is wrong",
	},
	{
		`configs/broker: describe`,
		`\.Resources\[1\]\.Configs\[(advertised\.listeners|controller\.listener\.names|` +
			`controller\.quorum\.voters|listener\.security\.protocol\.map|listeners|` +
			`log\.dirs?)\](\.ConfigSynonyms|\.Value|\.Source|\.ConfigSynonyms\[\d\](\.Value|\.Source)?): .*`,
		"the brokers are where they are, and were started with different settings",
	},
	{
		`configs/broker: describe`,
		`\.Resources\[1\]\.Configs\[(process\.roles|offsets\.topic\.replication\.factor|(transaction\.state\.log|` +
			`share\.coordinator\.state\.topic)\.(min\.isr|` +
			`replication\.factor))\](\.ConfigSynonyms\[\d\])?(\.Source: Kafka has STATIC_BROKER_CONFIG.*|` +
			`: Kafka has something, Chronik nothing)`,
		"Kafka was started with it; here it is the default",
	},
	{
		`configs/broker: describe`,
		`\.Resources\[1\]\.Configs\[(broker\.id|log\.initial\.task\.delay\.ms)\](\.ConfigSynonyms\[\d\])?: Kafka ` +
			`has something, Chronik nothing`,
		"Kafka's other names for settings that it was started with, and one that is for tests",
	},
	{
		`configs/broker: describe`,
		`\.Resources\[1\]\.Configs\[group\.coordinator\.rebalance\.protocols\].*Value: Kafka has ` +
			`"classic,consumer,streams", Chronik "classic"`,
		"only the classic protocol is served",
	},
	{
		`configs/broker: describe`,
		`\.Resources\[1\]\.Configs\[(broker\.(heartbeat\.interval|session\.timeout)|` +
			`controller\.socket\.timeout)\.ms\](\.ConfigSynonyms\[\d\])?\.Value: Kafka has .*`,
		"here the value is shown that is in use, which is not Kafka's",
	},
	{
		`configs/broker: describe`, `\.Resources\[1\]\.Configs\[listeners\]\.ReadOnly: Kafka has false, Chronik true`,
		"listeners cannot be changed while the broker runs",
	},
}

var clusterDifferences = []difference{
	{
		`cluster/versions`,
		`\.ApiKeys\[(AddOffsetsToTxn|AddPartitionsToTxn|DescribeTransactions|EndTxn|ListTransactions|` +
			`TxnOffsetCommit|WriteTxnMarkers)\]: Kafka has something, Chronik nothing`,
		"transactions are not served",
	},
	{
		`cluster/versions`,
		`\.ApiKeys\[(AlterUserSCRAMCredentials|CreateDelegationToken|DescribeDelegationToken|` +
			`DescribeUserSCRAMCredentials|ExpireDelegationToken|RenewDelegationToken|SASLAuthenticate|` +
			`SASLHandshake)\]: Kafka has something, Chronik nothing`,
		"there is no authentication",
	},
	{
		`cluster/versions`,
		`\.ApiKeys\[(AlterClientQuotas|DescribeClientQuotas)\]: Kafka has something, Chronik nothing`,
		"there are no quotas",
	},
	{
		`cluster/versions`,
		`\.ApiKeys\[(AddRaftVoter|AlterReplicaLogDirs|RemoveRaftVoter)\]: Kafka has something, Chronik nothing`,
		"a broker has one directory, and the metadata is not kept by Kafka's Raft",
	},
	{
		`cluster/versions`,
		`\.ApiKeys\[(ConsumerGroupDescribe|ConsumerGroupHeartbeat|StreamsGroupDescribe|` +
			`StreamsGroupHeartbeat)\]: Kafka has something, Chronik nothing`,
		"only the classic group protocol is served",
	},
	{
		`cluster/versions`,
		`\.ApiKeys\[(AlterShareGroupOffsets|DeleteShareGroupOffsets|DeleteShareGroupState|` +
			`DescribeShareGroupOffsets|InitializeShareGroupState|ReadShareGroupState|ReadShareGroupStateSummary|` +
			`ShareAcknowledge|ShareFetch|ShareGroupDescribe|ShareGroupHeartbeat|` +
			`WriteShareGroupState)\]: Kafka has something, Chronik nothing`,
		"share groups are not served",
	},
	{
		`cluster/versions`,
		`\.((Finalized|Supported)Features\[[\w.]+\]: (Kafka has .*, Chronik nothing|` +
			`Kafka has nothing, Chronik .*)|FinalizedFeaturesEpoch: .*)`,
		"Kafka's features switch on what is not served, and clients take their absence for off; " +
			"Chronik's version is its own",
	},
	{
		`cluster/(update|lower) an unknown feature.*`,
		`\.ErrorMessage: Kafka has ".* Local controller 1 does not support this feature\.", Chronik ".* Broker 1 ` +
			`does not support this feature\."`,
		"brokers are asked, there are no controllers beside them",
	},
	{
		`cluster/the coordinator of a transaction`,
		`.*(ErrorCode: Kafka has 0, Chronik 35|NodeID: Kafka has 1, Chronik -1|` +
			`ErrorMessage: .*, Chronik "transactions are not served")`,
		"transactions are not served",
	},
	{
		`cluster/the coordinator of a share.*`,
		`.*(ErrorCode: Kafka has 0, Chronik 42|NodeID: Kafka has 1, Chronik -1|` +
			`ErrorMessage: .*, Chronik "share groups are not served")`,
		"share groups are not served",
	},
	{
		`malformed/text that is no UTF-8`, `bytes: Kafka has .*`,
		"Kafka puts signs of its own in place of the bytes; here they come back as they are",
	},
}

var assignmentDifferences = []difference{
	{`assignments/the quorum`, `.*\.(LogEndOffset|HighWatermark|LeaderEpoch): .*`, "the metadata's logs differ"},
	{
		`assignments/the quorum`, `\.Nodes\[0\]\.Listeners\[(CONTROLLER|PLAINTEXT)\]: .*`,
		"Kafka names its controllers' listener; here the metadata is reached by the listeners of clients",
	},
}

var groupDifferences = []difference{
	{
		`groups/describe what nobody has joined|committed offsets/describe a group without offsets`,
		`\.Groups\[\w+\]\.(State: Kafka has "Empty", Chronik "Dead"|ErrorCode: Kafka has 0, Chronik 69|` +
			`ErrorMessage: .*not found\."|AuthorizedOperations: .*, Chronik -2147483648)`,
		"a group with no members, no offsets and nothing in the log is gone here at once, in Kafka when it cleans up",
	},
	{
		`committed offsets/delete offsets again`,
		`(\.ErrorCode: Kafka has 0, Chronik 69|\.Topics: Kafka has a list.*|\.Topics\[rec\]: .*, Chronik nothing)`,
		"the same: the group went with its last offset",
	},
	{
		`members/describe what has not changed`,
		`.*\.ClientID: Kafka has "client(first|second)", Chronik "client(leader|again)"`,
		"when a static member comes back, Kafka still shows its old member id; here it is the new one",
	},
}
