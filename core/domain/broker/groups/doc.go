// Package groups is the coordinator of consumer groups. Their state is what the records in the partitions of
// __consumer_offsets say; every answered change was appended there first.
package groups
