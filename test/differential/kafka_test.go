package differential

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// startApacheKafka runs the real broker, with these settings over the usual ones, and returns its address.
func startApacheKafka(t *testing.T, settings ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	harness.Command(t, "", harness.KafkaScript, "fetch")
	// The steps use old records, which retention must not delete meanwhile.
	args := append([]string{"broker", t.TempDir(), strconv.Itoa(port), "log.initial.task.delay.ms=3600000"}, settings...)
	cmd := harness.Child(exec.Command(harness.KafkaScript, args...))
	log := &harness.Output{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(time.Minute); ; {
		w := newWorld(t, addr)
		c := w.connection("")
		if c.send(kmsg.NewPtrMetadataRequest()) == nil {
			if r, ok := c.receive().resp.(*kmsg.MetadataResponse); ok && len(r.Brokers) == 1 {
				return addr
			}
		}
		select {
		case <-ended:
			t.Fatalf("Apache Kafka ended at its start:\n%s", log.Tail(4000))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("Apache Kafka does not start:\n%s", log.Tail(4000))
		}
	}
}
