package configdef

// brokerTransactionKeys is about producer ids and transactions.
var brokerTransactionKeys = []Key{
	{
		Name: "producer.id.expiration.ms",
		Type: Int, Default: "86400000", Valid: atLeast(1),
		Update: ClusterWide,
		Doc: "After how many milliseconds without an append a partition forgets an idempotent producer. Where a " +
			"thirty-second of this broker's own setting memory is used up by producers, it forgets those that have " +
			"been idle for longest before.",
	},
	{
		Name: "transaction.partition.verification.enable",
		Type: Boolean, Default: "true",
		Use: Shown, Update: ClusterWide,
		Doc: "Whether a partition asks the transaction coordinator before it takes a transaction's first record.",
	},
	{
		Name: "transaction.max.timeout.ms",
		Type: Int, Default: "900000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The longest time-out that a transaction may ask for, in milliseconds.",
	},
	{
		Name: "transactional.id.expiration.ms",
		Type: Int, Default: "604800000", Valid: atLeast(1),
		Use: Shown,
		Doc: "After how many milliseconds without use a transactional id is forgotten.",
	},
	{
		Name: "transaction.abort.timed.out.transaction.cleanup.interval.ms",
		Type: Int, Default: "10000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The interval, in milliseconds, at which transactions that have timed out are aborted.",
	},
	{
		Name: "transaction.remove.expired.transaction.cleanup.interval.ms",
		Type: Int, Default: "3600000", Valid: atLeast(1),
		Use: Shown,
		Doc: "The interval, in milliseconds, at which transactional ids that have expired are removed.",
	},
	{
		Name: "transaction.state.log.num.partitions",
		Type: Int, Default: "50", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many partitions the internal topic __transaction_state gets when it is created.",
	},
	{
		Name: "transaction.state.log.replication.factor",
		Type: Short, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many replicas __transaction_state gets when it is created. Kafka's default of 3 cannot be " +
			"fulfilled by one broker; it is 1 here.",
	},
	{
		Name: "transaction.state.log.min.isr",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "The min.insync.replicas of __transaction_state. Kafka's default of 2 cannot " +
			"be fulfilled by one broker; it is 1 here.",
	},
	{
		Name: "transaction.state.log.segment.bytes",
		Type: Int, Default: "104857600", Valid: atLeast(1),
		Use: Shown,
		Doc: "The segment.bytes of __transaction_state.",
	},
	{
		Name: "transaction.state.log.load.buffer.size",
		Type: Int, Default: "5242880", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many bytes are read at once when transactions are loaded.",
	},
	{
		Name: "transaction.two.phase.commit.enable",
		Type: Boolean, Default: "false",
		Use: Fixed,
		Doc: "Whether transactions may be part of a two-phase commit that another system leads.",
	},
	{
		Name: "add.partitions.to.txn.retry.backoff.ms",
		Type: Int, Default: "20", Valid: atLeast(1),
		Use: Shown,
		Doc: "For how many milliseconds the broker waits before it adds a partition to a transaction again.",
	},
	{
		Name: "add.partitions.to.txn.retry.backoff.max.ms",
		Type: Int, Default: "100", Valid: atLeast(0),
		Use: Shown,
		Doc: "For how many milliseconds at most it keeps trying.",
	},
}
