package filestore

import (
	"fmt"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// BenchmarkApplyAmong10000Topics shows what it costs to write the whole file for one command.
func BenchmarkApplyAmong10000Topics(b *testing.B) {
	img := new(metadata.Image)
	for n := range 10_001 {
		var cmd metadata.Command = metadata.RegisterBroker{ID: 1}
		if n > 0 {
			cmd = metadata.CreateTopic{
				Name: fmt.Sprint("topic-", n), ID: metadata.TopicID{1, byte(n >> 8), byte(n)}, Partitions: 1, ReplicationFactor: 1,
			}
		}
		next, _, err := metadata.Apply(img, cmd)
		if err != nil {
			b.Fatal(err)
		}
		img = next
	}
	dir := b.TempDir()
	if err := Import(dir, img); err != nil {
		b.Fatal(err)
	}
	s := openStore(b, dir)
	defer closeStore(b, s)
	for b.Loop() {
		if _, err := s.Apply(b.Context(), metadata.AllocateProducerIDs{Count: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
