package configdef

// brokerQuorumKeys is about the metadata quorum.
var brokerQuorumKeys = []Key{
	{
		Name: "controller.listener.names",
		Type: List, Null: true,
		Use: Fixed,
		Doc: "The listeners of the controller. A standalone node needs none.",
	},
	{
		Name: "controller.quorum.voters",
		Type: List, Default: "",
		Use: Fixed,
		Doc: "The controllers that vote on metadata, as id@host:port. A standalone node agrees with itself.",
	},
	{
		Name: "controller.quorum.bootstrap.servers",
		Type: List, Default: "",
		Use: Fixed,
		Doc: "Addresses at which the controllers can be found. A standalone node needs none.",
	},
	{
		Name: "controller.quorum.auto.join.enable",
		Type: Boolean, Default: "false",
		Use: Fixed,
		Doc: "Whether a controller joins the voters by itself.",
	},
	{
		Name: "controller.quorum.append.linger.ms",
		Type: Int, Default: "25", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds metadata records are gathered before they are written.",
	},
	{
		Name: "controller.quorum.election.backoff.max.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown,
		Doc: "How many milliseconds at most lie between two elections.",
	},
	{
		Name: "controller.quorum.election.timeout.ms",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Use: Shown,
		Doc: "After how many milliseconds without a majority a candidate begins another election.",
	},
	{
		Name: "controller.quorum.fetch.timeout.ms",
		Type: Int, Default: "2000", Valid: atLeast(0),
		Use: Shown,
		Doc: "After how many milliseconds without a successful fetch from the leader a voter begins an election.",
	},
	{
		Name: "controller.quorum.fetch.max.bytes",
		Type: Int, Default: "1048576", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many bytes of metadata a follower fetches at once.",
	},
	{
		Name: "controller.quorum.fetch.snapshot.max.bytes",
		Type: Int, Default: "1048576", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many bytes of a snapshot of the metadata a follower fetches at once.",
	},
	{
		Name: "controller.quorum.request.timeout.ms",
		Type: Int, Default: "2000", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds a controller waits for another's answer.",
	},
	{
		Name: "controller.quorum.retry.backoff.ms",
		Type: Int, Default: "20", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds a controller waits before it repeats a request.",
	},
	{
		Name: "controller.socket.timeout.ms",
		Type: Int, Default: "500",
		Use: Shown, Decided: true,
		Doc: "For how many milliseconds a broker waits for the controller's answer.",
	},
	{
		Name: "metadata.log.dir",
		Type: String, Null: true,
		Use: Fixed,
		Doc: "Where the metadata log is. This broker keeps metadata inside its data directory.",
	},
	{
		Name: "metadata.log.segment.bytes",
		Type: Int, Default: "1073741824", Valid: atLeast(8388608),
		Use: Shown,
		Doc: "How large a segment of Kafka's metadata log grows, in bytes. This broker's " +
			"metadata store has settings of its own.",
	},
	{
		Name: "metadata.log.segment.ms",
		Type: Long, Default: "604800000",
		Use: Shown,
		Doc: "After how many milliseconds a segment of Kafka's metadata log is closed.",
	},
	{
		Name: "metadata.log.max.record.bytes.between.snapshots",
		Type: Long, Default: "20971520", Valid: atLeast(1),
		Use: Shown,
		Doc: "After how many bytes of metadata Kafka writes a snapshot. This broker's " +
			"metadata store has settings of its own.",
	},
	{
		Name: "metadata.log.max.snapshot.interval.ms",
		Type: Long, Default: "3600000", Valid: atLeast(0),
		Use: Shown,
		Doc: "After how many milliseconds at most Kafka writes a snapshot of the metadata.",
	},
	{
		Name: "metadata.max.idle.interval.ms",
		Type: Int, Default: "500", Valid: atLeast(0),
		Use: Shown,
		Doc: "The interval, in milliseconds, at which an idle Kafka controller writes to its log.",
	},
	{
		Name: "metadata.max.retention.bytes",
		Type: Long, Default: "104857600",
		Use: Shown,
		Doc: "How large Kafka's metadata log and its snapshots grow, in bytes, before old parts are deleted.",
	},
	{
		Name: "metadata.max.retention.ms",
		Type: Long, Default: "604800000",
		Use: Shown,
		Doc: "For how many milliseconds Kafka keeps its metadata log and its snapshots.",
	},
}
