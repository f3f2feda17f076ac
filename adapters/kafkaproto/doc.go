// Package kafkaproto serves the Kafka protocol over TCP: listeners, frames, pipelining and back-pressure, and one
// file per API, named by its key, that turns requests into calls of the services in core/domain/broker.
//
// A connection has one goroutine, its reader. It reads a frame, serves the request and writes the answer, unless
// an earlier answer is still to come: then the answer waits in the connection's queue, and whoever makes the
// queue's head ready sees to it that a writer runs until nothing is ready any more. So answers leave in the order of
// their requests, while the reader is already at the next one. Only Produce is answered later; requests that wait (Fetch,
// JoinGroup, SyncGroup) keep their reader, as in Kafka.
//
// Memory is bounded by two budgets, one for frames and one for answers. Whoever needs more than is there waits,
// and what waits is not read from the network.
package kafkaproto
