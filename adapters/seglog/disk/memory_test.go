package disk

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestAFileInMemoryIsTheBytesThatWereWritten compares a file with a slice that is treated alike.
func TestAFileInMemoryIsTheBytesThatWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newMemoryFile(t)
		var want []byte
		extend := func(size int) {
			if size > len(want) {
				want = append(want, make([]byte, size-len(want))...)
			}
		}
		offset := rapid.OneOf(
			rapid.IntRange(0, 200), rapid.IntRange(blockBytes-50, blockBytes+50), rapid.IntRange(0, 4*blockBytes),
		)
		length := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 2*blockBytes))
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				off, p := offset.Draw(t, "offset"), bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, length.Draw(t, "length"))
				if err := f.WritevAt([][]byte{p[:len(p)/3], p[len(p)/3:]}, int64(off)); err != nil {
					t.Fatal(err)
				}
				extend(off + len(p))
				copy(want[off:], p)
			},
			"truncate": func(t *rapid.T) {
				size := offset.Draw(t, "size")
				if err := f.Truncate(int64(size)); err != nil {
					t.Fatal(err)
				}
				extend(size)
				want = want[:size:size]
			},
			"read": func(t *rapid.T) {
				off, p := offset.Draw(t, "offset"), make([]byte, length.Draw(t, "length"))
				for i := range p {
					p[i] = 0xaa
				}
				n, err := f.ReadAt(p, int64(off))
				part := want[min(off, len(want)):min(off+len(p), len(want))]
				if n != len(part) || !bytes.Equal(p[:n], part) || (n < len(p) && !errors.Is(err, io.EOF)) ||
					(n == len(p) && n > 0 && err != nil) {
					t.Fatalf("ReadAt(%d bytes, %d) = %d, %v; there are %d", len(p), off, n, err, len(part))
				}
			},
			"": func(t *rapid.T) {
				if size, err := f.Size(); size != int64(len(want)) || err != nil {
					t.Fatalf("size %d, want %d: %v", size, len(want), err)
				}
				if held := f.content.held(); held > len(want)+2*blockBytes {
					t.Fatalf("a file of %d bytes takes %d of memory", len(want), held)
				}
			},
		})
	})
}

// held returns the bytes of memory that the blocks take.
func (c *content) held() (n int) {
	for _, b := range c.blocks {
		n += cap(b)
	}
	return n
}

func newMemoryFile(t interface{ Fatal(args ...any) }) *memoryFile {
	f, err := Memory().Open("/file", true)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*memoryFile)
}

func TestAFileTakesTheMemoryOfItsBytes(t *testing.T) {
	f := newMemoryFile(t)
	for _, at := range []struct{ size, most int }{
		{30, 64}, {3000, 8192}, {blockBytes, blockBytes}, {10 * blockBytes, 10 * blockBytes},
	} {
		for from, _ := f.Size(); from < int64(at.size); from += 10 {
			if _, err := f.WriteAt(make([]byte, min(10, int64(at.size)-from)), from); err != nil {
				t.Fatal(err)
			}
		}
		if held := f.held(); held > at.most {
			t.Errorf("a file of %d bytes takes %d, want %d at most", at.size, held, at.most)
		}
	}
	if err := f.Truncate(100); err != nil || f.held() > 200 {
		t.Errorf("cut to 100 bytes it takes %d: %v", f.held(), err)
	}
	if err := f.Truncate(1 << 40); err != nil || f.held() > 200 {
		t.Errorf("with a hole of a tebibyte it takes %d: %v", f.held(), err)
	}
}

// TestOneWritesWhileOthersRead has the race detector watch.
func TestOneWritesWhileOthersRead(t *testing.T) {
	f := newMemoryFile(t)
	const step, steps = 1000, 300
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			for p := make([]byte, step); ; {
				size, err := f.Size()
				if err != nil {
					t.Error(err)
					return
				}
				if size == 0 {
					continue
				}
				if _, err := f.ReadAt(p, size-step); err != nil && !errors.Is(err, io.EOF) || p[0] != p[step-1] {
					t.Errorf("read %d to %d at %d: %v", p[0], p[step-1], size-step, err)
					return
				}
				if size == step*steps {
					return
				}
			}
		})
	}
	for i := range steps {
		if _, err := f.WriteAt(bytes.Repeat([]byte{byte(i)}, step), int64(i*step)); err != nil {
			t.Fatal(err)
		}
	}
	reading.Wait()
}
