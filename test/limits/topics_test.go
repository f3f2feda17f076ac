package limits

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestTwoThousandTopicsComeAndGo creates and deletes many topics; files and memory do not grow with the deleted ones.
func TestTwoThousandTopicsComeAndGo(t *testing.T) {
	b := harness.Start(t, "")
	admin := kadm.NewClient(harness.NewClient(t, b.Addr))
	for round := range 4 {
		var names []string
		for i := range 500 {
			names = append(names, fmt.Sprintf("brief-%d-%d", round, i))
		}
		if _, err := admin.CreateTopics(t.Context(), 1, 1, nil, names...); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.ListEndOffsets(t.Context(), names...); err != nil { // opens their logs
			t.Fatal(err)
		}
		if _, err := admin.DeleteTopics(t.Context(), names...); err != nil {
			t.Fatal(err)
		}
	}
	descriptors := func() int {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.Cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	harness.Within(t, 20*time.Second, "files of deleted topics are closed", func() bool { return descriptors() < 200 })
	if used := anonymousMemory(t, b); used > 128<<20 {
		t.Errorf("the broker uses %d MiB", used>>20)
	}
}
