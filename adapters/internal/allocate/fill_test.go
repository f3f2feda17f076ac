package allocate

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhereNothingCanBeAllocatedZerosAreWritten(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "zeros"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const mebibyte = 1 << 20
	for _, n := range []int64{5*mebibyte + 7, 6 * mebibyte} {
		if err := fill(f, n); err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() != n {
			t.Errorf("%v, %v, want %d bytes", info.Size(), err, n)
		}
	}
}
