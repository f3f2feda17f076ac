package seglog

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// retryWrite is how long a write waits that has met an error that passes.
const retryWrite = 100 * time.Millisecond

// persist repeats what fails by an error that passes, where something is short for now, as space or descriptors: what
// comes behind would need it, too. It stops when ctx or the log ends or the store closes, for the next start to take
// from the journal what is missing.
func (l *Log) persist(ctx context.Context, do func() error) error {
	for noted := false; ; noted = true {
		err := do()
		if err == nil || !disk.Passing(err) {
			return err
		}
		if !noted {
			l.store.opt.Log.Error("log waits with its writes", "topic", l.id.Topic, "partition", l.id.Partition, "err", err)
		}
		if !l.store.pause(retryWrite) || l.offlineError() != nil || ctx.Err() != nil {
			return err
		}
	}
}
