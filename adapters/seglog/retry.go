package seglog

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// retryWrite is how long a write waits before it is tried again.
const retryWrite = 100 * time.Millisecond

// retry repeats do while it fails by an error that passes, such as a lack of space or descriptors: the writes behind it
// would need these, too. It stops when ctx or the log ends or the store closes. The next start takes from the journal
// what is missing then.
func (l *Log) retry(ctx context.Context, do func() error) error {
	for noted := false; ; noted = true {
		err := do()
		if err == nil || !disk.Passing(err) {
			return err
		}
		if !noted {
			l.opt.Log.Error("log cannot write, retrying", "topic", l.id.Topic, "partition", l.id.Partition, "err", err)
		}
		if !l.store.pause(retryWrite) || l.offlineError() != nil || ctx.Err() != nil {
			return err
		}
	}
}
