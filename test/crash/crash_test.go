package crash

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
	"github.com/chronik-stream/chronik/test/history"
)

// crashes returns how often the broker is killed; CHRONIK_CRASHES sets it.
func crashes(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("CHRONIK_CRASHES"))
	if err != nil {
		n = 50
	}
	t.Logf("%d crashes", n)
	return n
}

// TestAcknowledgedRecordsSurviveKill produces with idempotent producers without a pause while the broker is killed and
// restarted repeatedly, with a journal of the default size and with a small one. Other topics are created and deleted
// under load. At the end every acknowledged record of the topics that are left is there, once, and in its producer's
// order. It rules out the anomalies 1, 3, 4, 5 and 6 of a broker that restarts.
func TestAcknowledgedRecordsSurviveKill(t *testing.T) {
	const partitions, producers = 4, 3
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	b := harness.Start(t, "")
	addr, dir := b.Addr, b.Dir
	admin, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kadm.NewClient(admin).CreateTopic(t.Context(), partitions, 1,
		map[string]*string{"segment.bytes": kadm.StringPtr("4194304")}, "kept"); err != nil {
		t.Fatal(err)
	}
	admin.Close()
	others := newComing(t, addr)

	h := history.New(b.Addr)
	loading, stopLoading := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for id := range producers {
		load.Go(func() { h.Produce(loading, t, id, partitions, 0) })
	}
	for n := range crashes(t) {
		others.turn(t)
		h.AwaitAcks(t, 1+random.IntN(200))
		b.Kill()
		var args []string
		if n%2 == 0 {
			args = []string{"--set", "journal.file_size=1MiB"}
		}
		b = harness.StartAt(t, dir, addr, args...)
	}
	h.AwaitAcks(t, 200)
	stopLoading()
	load.Wait()
	others.stop()
	b.Kill()
	harness.StartAt(t, dir, addr)
	h.Check(t)
	others.check(t)
	t.Logf("%d records acknowledged in the topic that stays", len(h.Acked))
}
