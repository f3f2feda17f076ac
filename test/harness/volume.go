package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// SmallDisk is the size of a small disk.
const SmallDisk = 400 << 20

// Volume is an ext4 file system of its own in a file of the test's, by way of a loop device. It can be
// full, and it can lose power.
type Volume struct {
	image   string
	At      string // where it is mounted
	mounted bool
}

// volumeOptions keep unsynced data in memory: nothing is written because some seconds have passed, or because a file
// was renamed over another. As ext4 does, an fdatasync commits the names and sizes of all files of a volume. So a
// missing sync of a directory shows only if nothing was synced after it.
const volumeOptions = "loop,commit=300,noauto_da_alloc"

// NewVolume makes a volume. It is unmounted with the test. Where none can be mounted the test is skipped.
func NewVolume(t *testing.T, size int64) *Volume {
	t.Helper()
	if os.Geteuid() != 0 {
		NotRun(t, "it mounts file systems of its own, which only root may")
	}
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		NotRun(t, "it makes file systems of its own, and there is no mkfs.ext4")
	}
	unmountOrphans(t)
	name := fmt.Sprintf("%s%d-", volumesOf, os.Getpid())
	dir, err := os.MkdirTemp("", name) //nolint:usetesting // the name has the process id
	if err != nil {
		t.Fatal(err)
	}
	v := &Volume{image: filepath.Join(dir, "image"), At: filepath.Join(dir, "volume")}
	t.Cleanup(func() {
		if v.mounted {
			v.unmount(t)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	WriteFile(t, v.image, "")
	if err := errors.Join(os.Truncate(v.image, size), os.Mkdir(v.At, 0o755)); err != nil {
		t.Fatal(err)
	}
	Command(t, "", "mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0",
		v.image)
	if out, err := TryCommand(t, "", "mount", "-o", volumeOptions, v.image, v.At); err != nil {
		NotRun(t, "no file system can be mounted by way of a loop device: %v: %s", err, out)
	}
	v.mounted = true
	return v
}

func (v *Volume) mount(t *testing.T) {
	t.Helper()
	Command(t, "", "mount", "-o", volumeOptions, v.image, v.At)
	v.mounted = true
}

// unmount does not use the test's context: that has ended when the test's cleanups run.
func (v *Volume) unmount(t *testing.T) {
	t.Helper()
	if err := unix.Unmount(v.At, 0); err != nil {
		t.Fatalf("unmount %s: %v", v.At, err)
	}
	v.mounted = false
}

// LosePower discards everything that was not synced and mounts the volume again. The process that has used it must have
// been killed.
func (v *Volume) LosePower(t *testing.T) {
	t.Helper()
	root, err := os.Open(v.At)
	if err != nil {
		t.Fatal(err)
	}
	const shutdown, withoutLogFlush = 0x8004587d, 2 // EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH
	err = errors.Join(unix.IoctlSetPointerInt(int(root.Fd()), shutdown, withoutLogFlush), root.Close())
	if err != nil {
		t.Fatalf("take the power off %s: %v", v.At, err)
	}
	v.unmount(t)
	v.mount(t)
}

// Fill takes all space except left bytes.
func (v *Volume) Fill(t *testing.T, left int64) {
	t.Helper()
	ballast, err := os.OpenFile(v.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer ballast.Close()
	block := make([]byte, 1<<20)
	for free := v.free(t); left == 0 || free > left; free = v.free(t) {
		size := int64(len(block))
		if free < left+size {
			size = 4096
		}
		if _, err := ballast.Write(block[:size]); errors.Is(err, syscall.ENOSPC) {
			if size == 4096 {
				return
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// free returns how many bytes can still be written.
func (v *Volume) free(t *testing.T) int64 {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(v.At, &fs); err != nil {
		t.Fatal(err)
	}
	return int64(fs.Bavail) * fs.Bsize
}

// Clear durably gives back what Fill has taken.
func (v *Volume) Clear(t *testing.T) {
	t.Helper()
	if err := os.Remove(v.ballast()); err != nil {
		t.Fatal(err)
	}
	at, err := os.Open(v.At)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	if err := unix.Syncfs(int(at.Fd())); err != nil {
		t.Fatal(err)
	}
}

func (v *Volume) ballast() string { return filepath.Join(v.At, "ballast") }

// volumesOf is the prefix of the names of the directories with volumes; the id of their process follows.
const volumesOf = "chronik-volume-"

// unmountOrphans unmounts the volumes of test processes that were killed.
func unmountOrphans(t *testing.T) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		NotRun(t, "the mounted file systems are not known: %v", err)
	}
	for line := range strings.Lines(string(mounts)) {
		at := strings.Fields(line)[1]
		owner, ours := strings.CutPrefix(filepath.Base(filepath.Dir(at)), volumesOf)
		pid, err := strconv.Atoi(strings.SplitN(owner, "-", 2)[0])
		if !ours || err != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		if err := unix.Unmount(at, unix.MNT_DETACH); err == nil {
			os.RemoveAll(filepath.Dir(at))
		}
	}
}
