// Package kafkaproto serves the Kafka protocol over TCP: listeners, frames, pipelining and back-pressure. There is one
// file per API, named by its key, which turns requests into calls of the services in core/domain/broker.
//
// A request goes through: listener.go (accepting, limits on connections), frame.go (size, memory, header), conn.go
// (order of answers), dispatch.go (finding the API, and decoding by kmsg after wire.Schema has checked the request),
// the API's own file, write.go (sending, from files where there are records). apis.go is the table of all APIs.
//
// A connection has one goroutine, its reader. It reads a frame, serves the request and writes the answer. If an earlier
// answer is outstanding, the answer waits in the connection's queue. The goroutine that makes the head of the queue
// ready starts a writer, which runs until the head is not ready. So answers leave in the order of their requests, while
// the reader is already at the next one. Only Produce is answered later; requests that wait (Fetch, JoinGroup,
// SyncGroup) keep their reader, as in Kafka.
//
// Memory is bounded by two budgets, one for frames and one for answers. A request that needs more than is left waits,
// and while it waits nothing more is read from its connection.
//
// Invariants:
//   - A frame belongs to its request until the request has released it. Produce passes its bytes on without copying
//     them.
//   - Answers leave in the order of their requests, each once, and none after an error has closed the connection.
//   - What a client sends costs no more memory than the budgets have granted before it is decoded.
//   - A client learns about topics and leaders through its view (metadata.View), never from the image itself.
package kafkaproto
