package coordinator

import "testing"

func TestPartitionForHashesAsJavaDoes(t *testing.T) {
	// The values are String.hashCode() % 50 from Java; the hash of "polygenelubricants" is Integer.MIN_VALUE.
	for key, want := range map[string]int32{"": 0, "a": 47, "my-group": 12, "polygenelubricants": 0, "😀g": 22} {
		if got := PartitionFor(key, 50); got != want {
			t.Errorf("PartitionFor(%q) = %d, want %d", key, got, want)
		}
	}
}
