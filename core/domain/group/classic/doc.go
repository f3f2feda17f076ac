// Package classic is the consumer group of Kafka's classic protocol (KIP-62, KIP-134, KIP-345, KIP-394, KIP-429) as a
// pure state machine.
//
// The methods of a Group are its steps: each takes the present time where time matters, changes the group, and
// returns Effects, which say what is to be done outside: answers to give, records to write, events to tell. A write's
// fate comes back by Written. So the group needs no goroutine, no clock and no log, and can be tested in virtual
// time.
//
// What a group durably is, its generation and its offsets, changes by records of its log only; see Group. All the
// rest, such as who waits for what and until when, is made from that by Restore after a fail-over.
package classic
