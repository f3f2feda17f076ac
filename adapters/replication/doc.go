// Package replication is how the brokers of a cluster talk to one another, beside Raft: by Kafka's own protocol, on the
// addresses that clients use, too. It implements ports.Heartbeats and ports.ReplicaFetcher, and asks nodes about the quorum.
//
// Peers has two connections to each broker, one for heartbeats and one for fetches, because a heartbeat must not wait behind
// records. A connection is made when it is needed and made again after it has failed; the caller decides when to try again,
// and gets fault.BrokerNotAvailable until then. Fetches go in an incremental session (KIP-227) that belongs to its connection:
// what the leader knows already is not said again, and whenever it may not know it any more, everything is.
//
// With TLS, brokers prove to each other that they belong to the cluster. That they do not believe each other does not pass by
// itself. So it is logged, with what to look at, where other failures to connect are not.
package replication
