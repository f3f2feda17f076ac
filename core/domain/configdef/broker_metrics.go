package configdef

// brokerMetricsKeys is about metrics and quotas.
var brokerMetricsKeys = []Key{
	{
		Name: "metric.reporters",
		Type: List, Default: "org.apache.kafka.common.metrics.JmxReporter",
		Use: Fixed, Update: ClusterWide,
		Doc: "Java classes that report metrics. This broker reports by OpenTelemetry and Prometheus instead.",
	},
	{
		Name: "kafka.metrics.reporters",
		Type: List, Default: "",
		Use: Fixed,
		Doc: "Java classes that report metrics of Kafka's older library. This broker loads no Java classes.",
	},
	{
		Name: "kafka.metrics.polling.interval.secs",
		Type: Int, Default: "10", Valid: atLeast(1),
		Use: Shown,
		Doc: "The interval, in seconds, at which those classes are called.",
	},
	{
		Name: "metrics.num.samples",
		Type: Int, Default: "2", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many samples each of Kafka's metrics keeps.",
	},
	{
		Name: "metrics.sample.window.ms",
		Type: Long, Default: "30000", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many milliseconds each of those samples spans.",
	},
	{
		Name: "metrics.recording.level",
		Type: String, Default: "INFO",
		Use: Shown,
		Doc: "How detailed the metrics are that Kafka records.",
	},
	{
		Name: "telemetry.max.bytes",
		Type: Int, Default: "1048576", Valid: atLeast(1),
		Use: Shown,
		Doc: "How large a client's metrics may be in one PushTelemetry, in bytes.",
	},
	{
		Name: "quota.window.num",
		Type: Int, Default: "11", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many samples the measurement of client quotas keeps.",
	},
	{
		Name: "quota.window.size.seconds",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many seconds each of those samples spans.",
	},
	{
		Name: "controller.quota.window.num",
		Type: Int, Default: "11", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many samples the measurement of quotas on changes of topics keeps.",
	},
	{
		Name: "controller.quota.window.size.seconds",
		Type: Int, Default: "1", Valid: atLeast(1),
		Use: Shown,
		Doc: "How many seconds each of those samples spans.",
	},
	{
		Name: "client.quota.callback.class",
		Type: Class, Null: true,
		Use: Fixed,
		Doc: "A Java class that decides over quotas. This broker loads no Java classes.",
	},
}
