package record

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// withoutNewline is data as zstdFrame wants it, which ends the last line.
func withoutNewline(t *testing.T, data []byte) []byte {
	t.Helper()
	cut, ok := bytes.CutSuffix(data, []byte{'\n'})
	if !ok {
		t.Fatal("the data does not end with a newline")
	}
	return cut
}

// A batch with a window of 128 MiB is decompressed as a whole, and so is one that gets another codec. Other batches do
// not wait.
func TestBatchesThatAreDecompressedAsAWholeWaitForMemory(t *testing.T) {
	value := bytes.Repeat([]byte("0123456789"), 300_000)
	builder := NewBuilder(Options{})
	builder.Append(1000, nil, value, Header{Key: "last", Value: []byte{'\n'}})
	plain, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	large := append(plain[:HeaderSize:HeaderSize], zstdFrame(t, withoutNewline(t, plain.Payload()), zstdWindow)...)
	put32(large, offLength, int32(len(large)-LogOverhead))
	large[offAttributes+1] = byte(Zstd)
	large.updateCRC()
	small, err := plain.Recompress(Gzip, 0, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		do    func(Limits) error
		waits bool
	}{
		"a large window": {
			func(l Limits) error { rules := lenient; rules.Limits = l; _, err := Check(large, rules); return err },
			true,
		},
		"another codec": {func(l Limits) error { _, err := small.Recompress(LZ4, 0, l); return err }, true},
		"a lookup":      {func(l Limits) error { _, _, err := large.OffsetOfMaxTimestamp(l); return err }, true},
		"a usual window": {
			func(l Limits) error { rules := lenient; rules.Limits = l; _, err := Check(small, rules); return err },
			false,
		},
		"uncompressed": {func(l Limits) error { _, err := plain.Recompress(LZ4, 0, l); return err }, false},
		"who may take long": {func(l Limits) error {
			for _, err := range large.Records(l) {
				if err != nil {
					return err
				}
			}
			return nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			budget := NewBudget(1 << 20)
			taken := budget.take(1)
			done := make(chan error, 1)
			go func() { done <- c.do(Limits{Bytes: 4 << 20, Budget: budget}) }()
			if c.waits {
				// TryAcquire fails while another caller waits.
				await(t, "it waits", func() bool { return !budget.left.TryAcquire(0) })
				budget.give(taken)
			} else {
				defer budget.give(taken)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if c.waits {
				budget.give(budget.take(1 << 40)) // everything has been given back
			}
		})
	}
}

// await fails the test unless what comes to hold.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("it does not become true that %s", what)
		}
	}
}
