package configs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChangesSayWhatNeedsARestart(t *testing.T) {
	from := load(t, Sources{File: writeFile(t, "[kafka]\n\"num.network.threads\" = 3\n\"message.max.bytes\" = 1000\n")})
	to := load(t,
		Sources{File: writeFile(t, "log_level = 'debug'\nmemory = '64MiB'\n"+
			"[kafka]\n\"message.max.bytes\" = 2000\n\"num.partitions\" = 2\n")})
	want := []Change{
		{"memory", `"256MiB"`, `"64MiB"`, false},
		{"log_level", `"info"`, `"debug"`, true},
		{"kafka.message.max.bytes", "1000", "2000", true},
		{"kafka.num.network.threads", "3", "", true},
		{"kafka.num.partitions", "", "2", false},
	}
	if diff := cmp.Diff(from.Changes(to), want); diff != "" {
		t.Error(diff)
	}
}

func TestWatchNoticesWritesReplacementsAndMovedLinks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "chronik.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rename := func(from string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), path); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target string) { // as Kubernetes does with its ..data
		t.Helper()
		if err := os.Symlink(filepath.Join(dir, target), filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		rename("link")
	}
	write("chronik.toml", "a = 1")

	w, err := Watch(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	write("chronik.toml", "a = 2") // before Run is called
	changed := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, func() { changed <- struct{}{} }) }()
	notice := func(what string, change func()) {
		t.Helper()
		change()
		select {
		case <-changed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was not noticed", what)
		}
	}
	notice("a write", func() {})
	notice("a replacement", func() {
		write("new", "a = 3")
		rename("new")
	})
	write("v1", "a = 4")
	write("v2", "a = 5")
	notice("a link", func() { link("v1") })
	notice("a moved link", func() { link("v2") })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run() = %v", err)
	}
}

func TestWatchSaysWhenItCannot(t *testing.T) {
	if _, err := Watch(filepath.Join(t.TempDir(), "missing", "chronik.toml")); err == nil {
		t.Error("Watch() = nil for a folder that does not exist")
	}
}
