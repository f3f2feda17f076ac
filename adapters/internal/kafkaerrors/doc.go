// Package kafkaerrors translates between faults, which are what the domain knows of things that go wrong, and the error codes
// of Kafka's protocol. It is the only place that knows both: the server answers with a fault's code, and who asks another
// broker gets the fault that the code in the answer stands for. What is sent as a fault is received as the same one.
package kafkaerrors
