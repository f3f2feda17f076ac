// Package classic is the consumer group of Kafka's classic protocol (KIP-62, KIP-134, KIP-345, KIP-394, KIP-429) as a
// pure state machine.
//
// The methods of a Group are its steps. Each takes the current time where time matters, changes the group, and returns
// Effects that the caller carries out: answers to send, records to write, events to log. The result of a write comes
// back through Written. So the group needs no goroutine, no clock and no log, and can be tested in virtual time.
//
// The durable part of a group, its generation and its offsets, is changed only by records of its log; see Group.
// Everything else, such as waiting requests and deadlines, is rebuilt from that by Restore after a fail-over.
//
// Invariants: a generation is assigned once; no two live members of a generation have the same assignment; a member
// that was replaced by its static twin consumes nothing any more (KIP-345); a replay of the log gives the durable part
// of the live group. model_test.go checks them against random histories, and the transcripts in testdata show
// rebalances step by step.
package classic
