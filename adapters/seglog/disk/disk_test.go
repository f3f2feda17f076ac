package disk_test

import (
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
)

// TestDirectoriesThatAreMadeSurviveALossOfPower makes directories where there are none, some, and all.
func TestDirectoriesThatAreMadeSurviveALossOfPower(t *testing.T) {
	fs := disktest.New()
	for _, dir := range []string{"/a/b/c", "/a/b/d/e/f", "/a/b"} {
		if err := disk.MakeDirs(fs, dir); err != nil {
			t.Fatal(err)
		}
		fs = fs.Crash(disktest.Unsynced, nil)
		if exists, err := fs.Exists(dir); err != nil || !exists {
			t.Errorf("%s is there: %t, %v", dir, exists, err)
		}
	}
}
