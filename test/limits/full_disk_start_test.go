package limits

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAStartOnAFullDiskNeedsAPartOfTheReserve fills the disk of a broker that has used its reserve up, except for what
// a start needs by docs/operations.md.
func TestAStartOnAFullDiskNeedsAPartOfTheReserve(t *testing.T) {
	b := onSmallDisk(t)
	if err := b.produce(t, b.eager(t), "orders"); err != nil {
		t.Fatal(err)
	}
	b.Stop(t)
	const needed = 64<<20/4 + 20<<20
	reserve := filepath.Join(b.volume.At, "data", "disk.reserve")
	b.volume.Fill(t, 0)
	if err := os.Truncate(reserve, needed); err != nil {
		t.Fatal(err)
	}
	b.volume.Fill(t, 0)
	b.start(t)
	b.full(t)
	b.holds(t)
	b.Stop(t)
	b.volume.Clear(t)
	b.start(t)
	b.goesOn(t)
	b.Stop(t)
}
