package configdef

// brokerTLSKeys is about TLS.
var brokerTLSKeys = []Key{
	{
		Name: "ssl.client.auth",
		Type: String, Default: "none", Valid: oneOf("required", "requested", "none"),
		Use: Shown, Update: PerBroker,
		Doc: "Whether clients must show a certificate. This broker has no TLS listener.",
	},
	{
		Name: "ssl.cipher.suites",
		Type: List, Default: "",
		Use: Shown, Update: PerBroker,
		Doc: "The cipher suites that may be used; empty: all that are available.",
	},
	{
		Name: "ssl.enabled.protocols",
		Type: List, Default: "TLSv1.2,TLSv1.3",
		Use: Shown, Update: PerBroker,
		Doc: "The versions of TLS that may be used.",
	},
	{
		Name: "ssl.protocol",
		Type: String, Default: "TLSv1.3",
		Use: Shown, Update: PerBroker,
		Doc: "The version of TLS that is preferred.",
	},
	{
		Name: "ssl.provider",
		Type: String, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The Java provider of TLS.",
	},
	{
		Name: "ssl.endpoint.identification.algorithm",
		Type: String, Default: "https",
		Use: Shown, Update: PerBroker,
		Doc: "How the broker verifies the name in another's certificate; empty: not at all.",
	},
	{
		Name: "ssl.engine.factory.class",
		Type: Class, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "A Java class that makes TLS engines. This broker loads no Java classes.",
	},
	{
		Name: "ssl.principal.mapping.rules",
		Type: String, Default: "DEFAULT",
		Use: Shown,
		Doc: "How the subject of a client's certificate becomes the name of a principal.",
	},
	{
		Name: "ssl.secure.random.implementation",
		Type: String, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The Java implementation of random numbers for TLS.",
	},
	{
		Name: "ssl.keymanager.algorithm",
		Type: String, Default: "SunX509",
		Use: Shown, Update: PerBroker,
		Doc: "The algorithm of the Java key manager.",
	},
	{
		Name: "ssl.trustmanager.algorithm",
		Type: String, Default: "PKIX",
		Use: Shown, Update: PerBroker,
		Doc: "The algorithm of the Java trust manager.",
	},
	{
		Name: "ssl.keystore.type",
		Type: String, Default: "JKS",
		Use: Shown, Update: PerBroker,
		Doc: "The format of the key store.",
	},
	{
		Name: "ssl.keystore.location",
		Type: String, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The file that is the key store.",
	},
	{
		Name: "ssl.keystore.password",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The password of the key store.",
	},
	{
		Name: "ssl.keystore.key",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The private key, in PEM.",
	},
	{
		Name: "ssl.keystore.certificate.chain",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The certificate chain, in PEM.",
	},
	{
		Name: "ssl.key.password",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The password of the private key.",
	},
	{
		Name: "ssl.truststore.type",
		Type: String, Default: "JKS",
		Use: Shown, Update: PerBroker,
		Doc: "The format of the trust store.",
	},
	{
		Name: "ssl.truststore.location",
		Type: String, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The file that is the trust store.",
	},
	{
		Name: "ssl.truststore.password",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The password of the trust store.",
	},
	{
		Name: "ssl.truststore.certificates",
		Type: Password, Null: true,
		Use: Shown, Update: PerBroker,
		Doc: "The certificates that are trusted, in PEM.",
	},
	{
		Name: "ssl.allow.dn.changes",
		Type: Boolean, Default: "false",
		Use: Shown,
		Doc: "Whether a new certificate may have another name than the one it replaces.",
	},
	{
		Name: "ssl.allow.san.changes",
		Type: Boolean, Default: "false",
		Use: Shown,
		Doc: "Whether a new certificate may lack alternative names of the one it replaces.",
	},
}
