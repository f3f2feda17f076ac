// Package kafkaadmin administers a cluster from outside: it talks to running nodes by Kafka's own protocol, as Kafka's tools do. What is added,
// removed, moved and led is decided here, step by step, from what the nodes say; a step that was cut short is made good by doing it all again.
package kafkaadmin
