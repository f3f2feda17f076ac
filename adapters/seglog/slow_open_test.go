package seglog

import (
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// slowDir lists one directory when it may.
type slowDir struct {
	*disktest.FS
	dir          string
	asked, begin chan struct{}
}

func (s *slowDir) ReadDir(path string) ([]string, error) {
	if path == s.dir {
		close(s.asked)
		<-s.begin
	}
	return s.FS.ReadDir(path)
}

// TestALogThatOpensSlowlyKeepsNoJournalFileFromBeingFreed appends more to one log than the journal's files hold while
// another is opened, as one that has to be read from its beginning.
func TestALogThatOpensSlowlyKeepsNoJournalFileFromBeingFreed(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	s, _, _ := openNamed(t, opt, cfg, []string{"a", "b"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	slow := &slowDir{FS: fs, dir: "/data/b-0", asked: make(chan struct{}), begin: make(chan struct{})}
	opt.FS = slow
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a"})
	opened := make(chan error)
	go func() {
		_, err := s.Open(t.Context(), ports.LogID{Topic: "b", TopicID: [16]byte{1}}, &cfg, new(partition.State), newWitness())
		opened <- err
	}()
	<-slow.asked
	defer func() {
		close(slow.begin)
		if err := <-opened; err != nil {
			t.Error(err)
		}
	}()
	for end := int64(20); end <= 6000; end += 20 {
		appendBatch(t, logs[0], 20)
		witnesses[0].await(t, end)
	}
}
