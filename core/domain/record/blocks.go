package record

// blocks implements io.Reader for decoders that decompress whole blocks.
type blocks struct {
	src    []byte // what is left to decompress
	unread []byte // of the newest block
	room   []byte // where blocks are decompressed to
}

// keepRoom is the largest room that an idle decoder keeps.
const keepRoom = 256 << 10

// read fills p, as an io.Reader does. next decompresses one more block, which may be empty, and returns
// io.EOF behind the last one.
func (b *blocks) read(p []byte, next func() error) (int, error) {
	for len(b.unread) == 0 {
		if err := next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.unread)
	b.unread = b.unread[n:]
	return n, nil
}

// grown returns a room of n bytes.
func (b *blocks) grown(n int) []byte {
	if cap(b.room) < n {
		b.room = make([]byte, n)
	}
	return b.room[:n]
}

// end drops all references to the source.
func (b *blocks) end() {
	b.src, b.unread = nil, nil
	if cap(b.room) > keepRoom {
		b.room = nil
	}
}
