package chronik_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chronik-stream/chronik"
)

// BenchmarkStart starts a broker and closes it; b.N of them run one after the other.
func BenchmarkStart(b *testing.B) {
	for name, dir := range map[string]string{"memory": "", "directory": b.TempDir()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				var options chronik.Options
				if dir != "" {
					options.Dir = filepath.Join(dir, strconv.Itoa(n))
				}
				broker, err := chronik.Start(b.Context(), options)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := broker.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
