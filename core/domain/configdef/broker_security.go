package configdef

// brokerSecurityKeys is about authentication and authorization.
var brokerSecurityKeys = []Key{
	{
		Name: "authorizer.class.name", Type: String, Default: "", Use: Fixed,
		Doc: "The Java class that decides who may do what; empty: everyone may do everything.",
	},
	{
		Name: "principal.builder.class", Type: Class, Default: "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
		Use: Fixed, Update: PerBroker,
		Doc: "The Java class that makes a principal of a connection. This broker has Kafka's default built in.",
	},
	{
		Name: "security.providers", Type: String, Null: true, Use: Fixed,
		Doc: "Java classes that provide cryptography. This broker loads no Java classes.",
	},
	{
		Name: "delegation.token.secret.key", Type: Password, Null: true, Use: Shown,
		Doc: "The secret with which delegation tokens are signed; null: they are not enabled.",
	},
	{
		Name: "delegation.token.max.lifetime.ms", Type: Long, Default: "604800000", Valid: atLeast(1), Use: Shown,
		Doc: "For how many milliseconds a delegation token lives at most.",
	},
	{
		Name: "delegation.token.expiry.time.ms", Type: Long, Default: "86400000", Valid: atLeast(1), Use: Shown,
		Doc: "After how many milliseconds a delegation token must be renewed.",
	},
	{
		Name: "delegation.token.expiry.check.interval.ms", Type: Long, Default: "3600000", Valid: atLeast(1), Use: Shown,
		Doc: "At which interval, in milliseconds, expired delegation tokens are removed.",
	},
	{
		Name: "sasl.enabled.mechanisms", Type: List, Default: "GSSAPI", Use: Shown, Update: PerBroker,
		Doc: "The SASL mechanisms that clients may use. This broker has no SASL listener.",
	},
	{
		Name: "sasl.mechanism.inter.broker.protocol", Type: String, Default: "GSSAPI", Use: Shown, Update: PerBroker,
		Doc: "The SASL mechanism that brokers use among each other.",
	},
	{
		Name: "sasl.mechanism.controller.protocol", Type: String, Default: "GSSAPI", Use: Shown,
		Doc: "The SASL mechanism that brokers use with controllers.",
	},
	{
		Name: "sasl.jaas.config", Type: Password, Null: true, Use: Shown, Update: PerBroker,
		Doc: "Credentials for SASL in the form of JAAS.",
	},
	{
		Name: "sasl.client.callback.handler.class", Type: Class, Null: true, Use: Shown,
		Doc: "A Java class for SASL on the client's side. This broker loads no Java classes.",
	},
	{
		Name: "sasl.server.callback.handler.class", Type: Class, Null: true, Use: Shown,
		Doc: "A Java class for SASL on the server's side. This broker loads no Java classes.",
	},
	{
		Name: "sasl.server.max.receive.size", Type: Int, Default: "524288", Use: Shown,
		Doc: "How large a client's message during a SASL handshake may be, in bytes.",
	},
	{
		Name: "sasl.login.class", Type: Class, Null: true, Use: Shown,
		Doc: "A Java class that logs in. This broker loads no Java classes.",
	},
	{
		Name: "sasl.login.callback.handler.class", Type: Class, Null: true, Use: Shown,
		Doc: "A Java class that a login calls. This broker loads no Java classes.",
	},
	{
		Name: "sasl.login.connect.timeout.ms", Type: Int, Null: true, Use: Shown,
		Doc: "For how many milliseconds a login waits for its connection.",
	},
	{
		Name: "sasl.login.read.timeout.ms", Type: Int, Null: true, Use: Shown,
		Doc: "For how many milliseconds a login waits for an answer.",
	},
	{
		Name: "sasl.login.retry.backoff.ms", Type: Long, Default: "100", Use: Shown,
		Doc: "For how many milliseconds a login waits before its first repetition.",
	},
	{
		Name: "sasl.login.retry.backoff.max.ms", Type: Long, Default: "10000", Use: Shown,
		Doc: "For how many milliseconds at most it waits between repetitions.",
	},
	{
		Name: "sasl.login.refresh.buffer.seconds", Type: Short, Default: "300", Use: Shown, Update: PerBroker,
		Doc: "How many seconds before its end a login is refreshed at the latest.",
	},
	{
		Name: "sasl.login.refresh.min.period.seconds", Type: Short, Default: "60", Use: Shown, Update: PerBroker,
		Doc: "How many seconds at least lie between refreshes of a login.",
	},
	{
		Name: "sasl.login.refresh.window.factor", Type: Double, Default: "0.8", Use: Shown, Update: PerBroker,
		Doc: "After which share of its life a login is refreshed.",
	},
	{
		Name: "sasl.login.refresh.window.jitter", Type: Double, Default: "0.05", Use: Shown, Update: PerBroker,
		Doc: "Which share of its life at most is added to that by chance.",
	},
	{
		Name: "sasl.kerberos.service.name", Type: String, Null: true, Use: Shown, Update: PerBroker,
		Doc: "The broker's name in Kerberos.",
	},
	{
		Name: "sasl.kerberos.kinit.cmd", Type: String, Default: "/usr/bin/kinit", Use: Shown, Update: PerBroker,
		Doc: "The path of the program kinit.",
	},
	{
		Name: "sasl.kerberos.min.time.before.relogin", Type: Long, Default: "60000", Use: Shown, Update: PerBroker,
		Doc: "How many milliseconds at least lie between refreshes of a Kerberos ticket.",
	},
	{
		Name: "sasl.kerberos.principal.to.local.rules", Type: List, Default: "DEFAULT", Use: Shown, Update: PerBroker,
		Doc: "How the name of a Kerberos principal becomes a short one.",
	},
	{
		Name: "sasl.kerberos.ticket.renew.jitter", Type: Double, Default: "0.05", Use: Shown, Update: PerBroker,
		Doc: "Which share is added by chance to the time after which a ticket is renewed.",
	},
	{
		Name: "sasl.kerberos.ticket.renew.window.factor", Type: Double, Default: "0.8", Use: Shown, Update: PerBroker,
		Doc: "After which share of its life a ticket is renewed.",
	},
	{
		Name: "sasl.oauthbearer.token.endpoint.url", Type: String, Null: true, Use: Shown,
		Doc: "The URL that issues OAuth tokens.",
	},
	{
		Name: "sasl.oauthbearer.jwks.endpoint.url", Type: String, Null: true, Use: Shown,
		Doc: "The URL of the keys with which tokens are verified.",
	},
	{
		Name: "sasl.oauthbearer.jwks.endpoint.refresh.ms", Type: Long, Default: "3600000", Use: Shown,
		Doc: "At which interval, in milliseconds, those keys are read again.",
	},
	{
		Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Type: Long, Default: "100", Use: Shown,
		Doc: "For how many milliseconds a failed reading of the keys waits before its first repetition.",
	},
	{
		Name: "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Type: Long, Default: "10000", Use: Shown,
		Doc: "For how many milliseconds at most it waits between repetitions.",
	},
	{
		Name: "sasl.oauthbearer.clock.skew.seconds", Type: Int, Default: "30", Use: Shown,
		Doc: "How many seconds the clocks of the broker and of the issuer may differ.",
	},
	{
		Name: "sasl.oauthbearer.expected.audience", Type: List, Default: "", Use: Shown,
		Doc: "The audiences of which a token must name one.",
	},
	{
		Name: "sasl.oauthbearer.expected.issuer", Type: String, Null: true, Use: Shown,
		Doc: "The issuer that a token must name.",
	},
	{
		Name: "sasl.oauthbearer.scope", Type: String, Null: true, Use: Shown,
		Doc: "The scope with which the broker asks for a token.",
	},
	{
		Name: "sasl.oauthbearer.scope.claim.name", Type: String, Default: "scope", Use: Shown,
		Doc: "The name of a token's claim that holds its scope.",
	},
	{
		Name: "sasl.oauthbearer.sub.claim.name", Type: String, Default: "sub", Use: Shown,
		Doc: "The name of a token's claim that holds its subject.",
	},
	{
		Name: "sasl.oauthbearer.client.credentials.client.id", Type: String, Null: true, Use: Shown,
		Doc: "The client id with which the broker asks for a token.",
	},
	{
		Name: "sasl.oauthbearer.client.credentials.client.secret", Type: Password, Null: true, Use: Shown,
		Doc: "The client secret with which the broker asks for a token.",
	},
	{
		Name: "sasl.oauthbearer.jwt.retriever.class", Type: Class, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", Use: Shown,
		Doc: "A Java class that gets tokens. This broker loads no Java classes.",
	},
	{
		Name: "sasl.oauthbearer.jwt.validator.class", Type: Class, Default: "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", Use: Shown,
		Doc: "A Java class that verifies tokens. This broker loads no Java classes.",
	},
	{
		Name: "sasl.oauthbearer.assertion.algorithm", Type: String, Default: "RS256", Valid: oneOfFold("ES256", "RS256"), Use: Shown,
		Doc: "The algorithm with which the broker signs an assertion about itself.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.aud", Type: String, Null: true, Use: Shown,
		Doc: "The audience of that assertion.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.exp.seconds", Type: Int, Default: "300", Valid: between(0, 86400), Use: Shown,
		Doc: "For how many seconds that assertion is valid.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.iss", Type: String, Null: true, Use: Shown,
		Doc: "The issuer of that assertion.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.jti.include", Type: Boolean, Default: "false", Use: Shown,
		Doc: "Whether that assertion has an id of its own.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.nbf.seconds", Type: Int, Default: "60", Valid: between(0, 3600), Use: Shown,
		Doc: "For how many seconds before its making that assertion is valid.",
	},
	{
		Name: "sasl.oauthbearer.assertion.claim.sub", Type: String, Null: true, Use: Shown,
		Doc: "The subject of that assertion.",
	},
	{
		Name: "sasl.oauthbearer.assertion.file", Type: String, Null: true, Use: Shown,
		Doc: "A file with an assertion that is ready to use.",
	},
	{
		Name: "sasl.oauthbearer.assertion.private.key.file", Type: String, Null: true, Use: Shown,
		Doc: "A file with the key that signs assertions.",
	},
	{
		Name: "sasl.oauthbearer.assertion.private.key.passphrase", Type: Password, Null: true, Use: Shown,
		Doc: "The passphrase of that key.",
	},
	{
		Name: "sasl.oauthbearer.assertion.template.file", Type: String, Null: true, Use: Shown,
		Doc: "A file with parts that go into every assertion.",
	},
}
