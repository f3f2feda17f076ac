// Package replication is how the brokers of a cluster talk to one another, beside Raft: by Kafka's own protocol, over the listeners that
// clients use, too. Followers fetch records, and brokers tell the metadata's leader that they are alive.
package replication
