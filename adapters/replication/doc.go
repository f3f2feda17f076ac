// Package replication is how the brokers of a cluster talk to one another, beside Raft: by Kafka's own protocol, on the
// addresses that clients use, too. It implements ports.Heartbeats and ports.ReplicaFetcher, and asks nodes about the
// quorum.
//
// Peers has two connections to each broker, one for heartbeats and one for fetches, because a heartbeat must not wait
// behind records. A connection is made when it is needed, and again after it has failed; the caller decides when to
// retry and gets fault.BrokerNotAvailable until then. Fetches use an incremental session (KIP-227) that belongs to its
// connection. A request names only the partitions that have changed, and after any doubt about the session it names all
// of them.
//
// With TLS, brokers prove to each other that they belong to the cluster. A refused certificate is not a passing
// problem: it is logged, with the settings to check, whereas other failures to connect are not.
package replication
