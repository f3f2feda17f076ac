// Package replicas serves the partitions of which this broker has a replica: produce, fetch and its sessions, listing and
// deleting offsets, and replication from their leaders. Package partition has the rules.
package replicas
