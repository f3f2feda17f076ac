package group

import "unicode/utf16"

// PartitionFor returns the partition of __consumer_offsets, which has n of them, that keeps the group: Kafka's
// Utils.abs(groupId.hashCode()) % n, with Java's hash over UTF-16.
func PartitionFor(groupID string, n int32) int32 {
	var hash int32
	for _, r := range groupID {
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

// utf16Length returns the length of s as Java counts it, in UTF-16 code units.
func utf16Length(s string) (n int) {
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}
