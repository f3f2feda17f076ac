// Package kafkaerrors translates between faults, which are the domain's errors, and the error codes of Kafka's
// protocol. It is the only place that knows both. The server answers with a fault's code, and a client of another
// broker turns the code in the answer back into a fault. A fault that was sent is received as the same kind, unless
// several kinds share one code.
package kafkaerrors
