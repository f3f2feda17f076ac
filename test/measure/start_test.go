package measure

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/test/harness"
)

func TestStartIsInstant(t *testing.T) {
	var times []time.Duration
	for range 7 {
		began := time.Now()
		b := harness.Start(t, "")
		w, err := net.Dial("tcp", b.Addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(w, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(began))
		w.Close()
		b.Kill()
	}
	slices.Sort(times)
	measured(t, "from the start to the first answer", times[len(times)/2], 100*time.Millisecond)
}
