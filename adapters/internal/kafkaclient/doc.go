// Package kafkaclient asks a broker something by Kafka's protocol and reads its answer. It is the client side of a
// connection that adapters share: brokers that talk to each other (replication), and the tools that administer a
// cluster from outside (kafkaadmin).
//
// A Conn carries one request at a time, for one goroutine at a time. It makes no attempt to reconnect, to pipeline or to
// retry: who keeps a Conn decides what its loss means. Any failure of a request closes the Conn, because an answer that is
// still on its way would be taken for the next one; the exceptions are errors that are found before anything is sent.
//
// Whoever is at the other end is not trusted with memory: the size in front of an answer is believed as far as bytes
// come, or as an earlier answer was as large, up to 16 MiB. An answer that contradicts itself is ErrMalformed, never a
// panic. The error code inside an answer is the caller's to look at, with kafkaerrors.
//
// What comes before the first request, such as TLS, is Dialer.Secure's. What needs requests of its own, such as
// authentication by SASL, is done with a fresh Conn before it is used for anything else.
package kafkaclient
