// Package kafkaadmin administers a cluster from outside: it talks to running nodes by Kafka's own protocol, as Kafka's tools do.
//
// It looks (a view is everything that the nodes say of their cluster at one time), makes a plan with core/domain/layout, and
// carries the plan out step by step: partitions are moved and leaders elected by the same requests that Kafka's tools send,
// nodes join and leave by KIP-853's. Nothing is remembered between steps and nothing is kept on disk. So a command that was cut
// short is repeated as it is: the next view shows what has been done already.
//
// What fails because the metadata has no leader for a moment is asked again, as long as the caller's context lasts. Any node may
// be asked, except the one that is to be removed; it need not be reachable at all.
//
// The package returns values and tells events; what a user reads of them is up to the command (cmd/chronik-server).
package kafkaadmin
