package brokerconfigs

import (
	"testing"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestRestateTakesDynamicConfigsOnly(t *testing.T) {
	f := newConfigsFixture(t, map[string]string{"message.max.bytes": "1000", "num.partitions": "2"})
	restate := func(static map[string]string) {
		t.Helper()
		if err := f.configs.Restate(Static{Given: static}); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(key string, want int64) {
		t.Helper()
		if got := f.configs.Int(key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}

	restate(map[string]string{"message.max.bytes": "3000", "num.partitions": "5", "default.replication.factor": "9"})
	wants("message.max.bytes", 3000)
	wants("num.partitions", 2)
	wants("default.replication.factor", 1)
	if got := f.configs.Topic(nil).MaxMessageBytes; got != 3000 {
		t.Errorf("a topic's max.message.bytes is %d, want 3000", got)
	}

	f.alter(t, metadata.ResourceBroker, "", "message.max.bytes", "7000")
	restate(nil)
	wants("message.max.bytes", 7000) // what was set while it ran keeps its precedence
	wants("num.partitions", 2)

	if err := f.configs.Restate(Static{Given: map[string]string{"message.max.bytes": "many"}}); err == nil {
		t.Error("Restate() takes a value that is not allowed")
	}
	wants("num.partitions", 2)
}
