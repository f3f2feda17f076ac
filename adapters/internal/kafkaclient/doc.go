// Package kafkaclient sends requests to a broker by Kafka's protocol and reads the answers. Two adapters share it as
// the client side of a connection: replication, by which brokers talk to each other, and kafkaadmin, which administers
// a cluster from outside.
//
// A Conn carries one request at a time, for one goroutine at a time. It does not reconnect, pipeline or retry: its
// owner decides what its loss means. Any failure of a request closes the Conn, because an answer that is still on its
// way would be taken for the next one. The exceptions are errors that are found before anything is sent.
//
// The other end is not trusted with memory: memory for an answer grows with the bytes that arrive, not with the size in
// front of it, except for the size of an earlier answer, up to 16 MiB. An answer that contradicts itself is
// ErrMalformed, never a panic. The caller checks the error codes inside an answer, with kafkaerrors.
//
// Dialer.Secure does what comes before the first request, such as TLS. Steps that need requests of their own, such as
// authentication by SASL, use a fresh Conn before anything else does.
package kafkaclient
