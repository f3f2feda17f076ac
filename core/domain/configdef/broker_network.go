package configdef

// brokerNetworkKeys is about listeners, connections and requests.
var brokerNetworkKeys = []Key{
	{
		Name: "listeners",
		Type: List, Default: "PLAINTEXT://:9092",
		Doc: "The addresses on which the broker listens. They are set with a start only.",
	},
	{
		Name: "advertised.listeners",
		Type: List, Null: true,
		Doc: "The addresses that clients are told. When it is not set, a client is told the " +
			"address by which its connection came.",
	},
	{
		Name: "listener.security.protocol.map",
		Type: String, Default: "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
		Use: Fixed, Update: PerBroker,
		Doc: "Which security protocol each listener has.",
	},
	{
		Name: "inter.broker.listener.name",
		Type: String, Null: true,
		Use: Fixed,
		Doc: "The listener that brokers use among each other. Null: the one of security.inter.broker.protocol.",
	},
	{
		Name: "security.inter.broker.protocol",
		Type: String, Default: "PLAINTEXT", Valid: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
		Use: Fixed,
		Doc: "The security protocol that brokers use among each other.",
	},
	{
		Name: "early.start.listeners",
		Type: List, Null: true,
		Use: Shown,
		Doc: "The listeners that are opened before the authorizer is ready.",
	},
	{
		Name: "num.network.threads",
		Type: Int, Default: "3", Valid: atLeast(1),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads per listener Kafka has for reading and writing. This broker " +
			"has a goroutine per connection.",
	},
	{
		Name: "num.io.threads",
		Type: Int, Default: "8", Valid: atLeast(1),
		Use: Shown, Update: ClusterWide,
		Doc: "How many threads Kafka has for requests. This broker has a goroutine per connection.",
	},
	{
		Name: "queued.max.requests",
		Type: Int, Default: "500", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many requests may wait before Kafka stops reading. This broker bounds the " +
			"memory of requests instead.",
	},
	{
		Name: "queued.max.request.bytes",
		Type: Long, Default: "-1",
		Use: Shown,
		Doc: "How many bytes of requests may wait before Kafka stops reading; -1 stands for no limit. This broker's " +
			"own setting memory takes its place.",
	},
	{
		Name: "request.timeout.ms",
		Type: Int, Default: "30000",
		Use: Shown,
		Doc: "For how many milliseconds the broker waits for answers to requests of its own.",
	},
	{
		Name: "socket.request.max.bytes",
		Type: Int, Default: "104857600", Valid: atLeast(1),
		Doc: "How large a request may be, in bytes. A connection that announces a larger one is closed. A Produce " +
			"request of any allowed size is served, batch by batch as it arrives; of others a quarter of `memory` " +
			"is the limit, where that is less.",
	},
	{
		Name: "socket.send.buffer.bytes",
		Type: Int, Default: "102400",
		Use: Shown,
		Doc: "The size of a connection's send buffer in the operating system, in bytes. " +
			"This broker leaves it to the system.",
	},
	{
		Name: "socket.receive.buffer.bytes",
		Type: Int, Default: "102400",
		Use: Shown,
		Doc: "The size of a connection's receive buffer in the operating system, in bytes. " +
			"This broker leaves it to the system.",
	},
	{
		Name: "socket.listen.backlog.size",
		Type: Int, Default: "50", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many connections may wait to be accepted. This broker leaves it to the operating system.",
	},
	{
		Name: "socket.connection.setup.timeout.ms",
		Type: Long, Default: "10000",
		Use: Shown,
		Doc: "For how many milliseconds the broker waits for a connection of its own to be made.",
	},
	{
		Name: "socket.connection.setup.timeout.max.ms",
		Type: Long, Default: "30000",
		Use: Shown,
		Doc: "For how many milliseconds at most it waits after repeated failures.",
	},
	{
		Name: "max.connections",
		Type: Int, Default: "2147483647", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How many connections the broker has at once. Its memory bounds them, too.",
	},
	{
		Name: "max.connections.per.ip",
		Type: Int, Default: "2147483647", Valid: atLeast(0),
		Update: ClusterWide,
		Doc:    "How many connections it has at once with one address.",
	},
	{
		Name: "max.connections.per.ip.overrides",
		Type: String, Default: "", Valid: hostLimits,
		Use: Fixed, Update: ClusterWide,
		Doc: "Other limits for single addresses, as host:number, separated by commas.",
	},
	{
		Name: "max.connection.creation.rate",
		Type: Int, Default: "2147483647", Valid: atLeast(0),
		Use: Fixed, Update: ClusterWide,
		Doc: "How many connections are accepted per second. This broker does not limit it: other brokers come by the " +
			"listeners of clients, and would have to wait with them.",
	},
	{
		Name: "connections.max.idle.ms",
		Type: Long, Default: "600000",
		Doc: "After how many milliseconds without a request a connection is closed.",
	},
	{
		Name: "connections.max.reauth.ms",
		Type: Long, Default: "0",
		Use: Shown,
		Doc: "After how many milliseconds a client must authenticate again; 0 stands for never.",
	},
	{
		Name: "connection.failed.authentication.delay.ms",
		Type: Int, Default: "100", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds a connection stays open after its authentication has failed.",
	},
	{
		Name: "fetch.max.bytes",
		Type: Int, Default: "57671680", Valid: atLeast(1024),
		Doc: "How many bytes of records one Fetch is answered with at most.",
	},
	{
		Name: "max.incremental.fetch.session.cache.slots",
		Type: Int, Default: "1000", Valid: atLeast(0),
		Doc: "How many incremental fetch sessions are kept. The broker's memory bounds them, too.",
	},
	{
		Name: "fetch.purgatory.purge.interval.requests",
		Type: Int, Default: "1000",
		Use: Shown,
		Doc: "How many finished fetches Kafka lets gather before it clears its queue of waiting ones.",
	},
	{
		Name: "producer.purgatory.purge.interval.requests",
		Type: Int, Default: "1000",
		Use: Shown,
		Doc: "How many finished produces Kafka lets gather before it clears its queue of waiting ones.",
	},
	{
		Name: "delete.records.purgatory.purge.interval.requests",
		Type: Int, Default: "1",
		Use: Shown,
		Doc: "How many finished DeleteRecords Kafka lets gather before it clears its queue of waiting ones.",
	},
	{
		Name: "share.fetch.purgatory.purge.interval.requests",
		Type: Int, Default: "1000",
		Use: Shown,
		Doc: "How many finished share fetches Kafka lets gather before it clears its queue of waiting ones.",
	},
}
