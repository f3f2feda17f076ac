package replicas

import (
	"log/slog"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// A broker is killed after it has made a batch durable and before it has answered. The records' own time, by which they
// may be older than producer.id.expiration.ms, says nothing of when they were appended.
func TestOldRecordsThatAreSentAgainAfterAKillAreThereOnce(t *testing.T) {
	for name, age := range map[string]time.Duration{"now": 0, "two days ago": 48 * time.Hour, "without a time": -1} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.configs.topic.Log.ProducerIDExpiration = 24 * time.Hour
			made := func() []byte {
				b, ms := record.NewBuilder(record.Options{Producer: &record.Producer{ID: 7}}), int64(record.NoTimestamp)
				if age >= 0 {
					ms = time.Now().Add(-age).UnixMilli()
				}
				b.Append(ms, nil, []byte("v"))
				out, err := b.Build()
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			if got := f.sent(t, made()); got.Err != nil || got.BaseOffset != 0 {
				t.Fatalf("%+v", got)
			}
			if err := f.logs.Close(); err != nil {
				t.Fatal(err)
			}
			f.logs = f.logs.Reopened()
			f.partitions = NewPartitions(
				f.store, f.logs, f.configs, 1, 1, NewEndlessLease(time.Now), nil, time.Now, slog.New(slog.DiscardHandler),
			)
			f.produce = NewProduce(f.partitions, record.NewBudget(1<<20), time.Now)
			if got := f.sent(t, made()); got.Err != nil || got.BaseOffset != 0 {
				t.Errorf("after the restart it is at %d, %v", got.BaseOffset, got.Err)
			}
		})
	}
}
