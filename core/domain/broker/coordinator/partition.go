package coordinator

import "unicode/utf16"

// PartitionFor returns which of an internal topic's n partitions holds a key. It is Kafka's
// Utils.abs(key.hashCode()) % n, with Java's hash over UTF-16.
func PartitionFor(key string, n int32) int32 {
	var hash int32
	for _, r := range key {
		if r1, r2 := utf16.EncodeRune(r); r >= 0x10000 {
			hash = (hash*31+r1)*31 + r2
			continue
		}
		hash = hash*31 + r
	}
	if hash == -1<<31 {
		hash = 0
	}
	return max(hash, -hash) % n
}
