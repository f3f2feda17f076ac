package harness

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestAVolumeThatLosesPowerLosesWhatWasNotSynced shows that the tests on such volumes are effective.
func TestAVolumeThatLosesPowerLosesWhatWasNotSynced(t *testing.T) {
	v := NewVolume(t, 32<<20)
	kept, lost := filepath.Join(v.At, "kept"), filepath.Join(v.At, "lost")
	f, err := os.Create(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, step := range []func() error{
		func() error { _, err := f.WriteString("synced"); return err },
		f.Sync,
		func() error { _, err := f.WriteString(", not synced"); return err },
		func() error { return os.WriteFile(lost, []byte("not synced"), 0o644) },
		f.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	v.LosePower(t)
	if text, err := os.ReadFile(kept); err != nil || string(text) != "synced" {
		t.Errorf("after the loss of power the file says %q, %v", text, err)
	}
	if _, err := os.Stat(lost); !os.IsNotExist(err) {
		t.Errorf("a file that was not synced: %v", err)
	}
	v.Fill(t, 0)
	if err := os.WriteFile(lost, make([]byte, 4096), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full volume takes more: %v", err)
	}
	v.Clear(t)
	if err := os.WriteFile(lost, make([]byte, 4096), 0o644); err != nil {
		t.Errorf("a volume with space: %v", err)
	}
}
