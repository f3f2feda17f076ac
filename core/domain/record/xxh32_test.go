package record

import (
	"strings"
	"testing"
)

// The sums are those of the reference implementation, in its own tests and xxhsum's.
func TestXXH32IsThatOfTheReference(t *testing.T) {
	for text, want := range map[string]uint32{
		"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff, "Nobody inspects the spammish repetition": 0xe2293b2f,
	} {
		if got := xxh32([]byte(text)); got != want {
			t.Errorf("xxh32(%q) = %#x, want %#x", text, got, want)
		}
	}
	if xxh32([]byte(strings.Repeat("x", 16))) == xxh32([]byte(strings.Repeat("x", 17))) {
		t.Error("a stripe and one byte more have the same sum")
	}
}
