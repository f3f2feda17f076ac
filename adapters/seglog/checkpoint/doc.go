// Package checkpoint has the formats of the small files that a log store keeps beside its segments, Kafka's own: offset
// checkpoints of all logs, and of one log the leader epoch checkpoint, the producer snapshots and partition.metadata.
//
// Kafka's brokers and tools read what is written here, and the other way round. Where Chronik adds something, it stands
// where Kafka does not read: a checksum as the offset of a topic that cannot exist, and the earlier batches of a
// producer behind the last entry of a snapshot.
//
// The functions are pure. Each Parse function takes what its Format function returns, and any other content without a
// panic: the error is fault.CorruptMessage then. Where the files are, and when they are written and synced, is the log
// store's.
package checkpoint

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
