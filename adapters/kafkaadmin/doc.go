// Package kafkaadmin administers a cluster from outside: it talks to running nodes by Kafka's own protocol, as Kafka's
// tools do.
//
// It reads a view, which is everything that the nodes say of their cluster at one time, makes a plan with
// core/domain/layout, and carries the plan out step by step. Partitions are moved and leaders elected by the same
// requests that Kafka's tools send; nodes join and leave by those of KIP-853. Nothing is remembered between steps and
// nothing is kept on disk. So an interrupted command is simply repeated: the next view shows what has been done
// already.
//
// Requests that fail because the metadata has no leader for a moment are retried as long as the caller's context lasts.
// They go to any node, except to the one that is being removed, which does not have to be reachable.
//
// The package returns values and reports events; the command (cmd/chronik-server) prints them.
package kafkaadmin
