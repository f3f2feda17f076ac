package record

import (
	"errors"
	"io"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Decompress returns src decompressed. The error is fault.InvalidRecord if that is more than limit allows or src is
// malformed. With None it returns src itself.
func Decompress(codec Codec, src []byte, limit Limits) ([]byte, error) {
	if codec == None {
		return src, nil
	}
	return appendDecompressed([]byte{}, codec, src, limit)
}

// appendDecompressed appends src, decompressed, to all.
func appendDecompressed(all []byte, codec Codec, src []byte, limit Limits) ([]byte, error) {
	in, err := inflate(codec, src, limit)
	defer in.release()
	if err != nil {
		return nil, err
	}
	for in.err == nil {
		all = append(all, in.more(nil, 1, windowSize)...)
	}
	if !errors.Is(in.err, io.EOF) {
		return nil, in.err
	}
	return all, nil
}

// inflater decompresses one batch's records, a window at a time.
type inflater struct {
	codec   Codec
	decoder decoder
	window  []byte
	limit   int   // the most bytes that may come out
	out     int   // the bytes that came out so far
	err     error // why there is no more, io.EOF at the end
}

// decoder decompresses one stream after the other.
type decoder interface {
	io.Reader
	// begin begins to decompress src, up to limit. Callers must call end, even after an error.
	begin(src []byte, limit Limits) error
	// end drops all references to src.
	end()
}

// inflaters keeps idle inflaters by codec: their windows and tables are costly to make.
var inflaters = [...]sync.Pool{
	Gzip:   {New: func() any { return newInflater(Gzip, new(gzipDecoder)) }},
	Snappy: {New: func() any { return newInflater(Snappy, new(snappyDecoder)) }},
	LZ4:    {New: func() any { return newInflater(LZ4, new(lz4Decoder)) }},
	Zstd:   {New: func() any { return newInflater(Zstd, newZstdDecoder()) }},
}

func newInflater(codec Codec, d decoder) *inflater {
	return &inflater{codec: codec, decoder: d, window: make([]byte, windowSize)}
}

// inflate begins to decompress src. Callers must release the inflater, even after an error.
func inflate(codec Codec, src []byte, limit Limits) (*inflater, error) {
	if !codec.Known() || codec == None {
		return nil, fault.New(fault.InvalidRecord, "Unknown compression type id: %d", codec)
	}
	in := inflaters[codec].Get().(*inflater)
	in.limit, in.out, in.err = limit.bytes(), 0, nil
	in.fail(in.decoder.begin(src, limit))
	if errors.Is(in.err, io.EOF) {
		in.err = fault.New(fault.InvalidRecord, "Failed to decompress record stream: %w", io.ErrUnexpectedEOF)
	}
	return in, in.err
}

// release makes the inflater available to others.
func (in *inflater) release() {
	if in == nil {
		return
	}
	in.decoder.end()
	if len(in.window) > windowSize {
		in.window = make([]byte, windowSize) // one large record is no reason to keep a large window
	}
	inflaters[in.codec].Put(in)
}

// more returns rest, which is the unread end of what it returned before, followed by what comes next: until
// n bytes are there, of which at most most are new, or in.err says why not.
func (in *inflater) more(rest []byte, n, most int) []byte {
	have := copy(in.window, rest)
	for most += have; have < min(n, most) && in.err == nil; {
		if have == len(in.window) { // grows with the bytes that come, not with what a length field claims
			grown := make([]byte, min(n, 2*have))
			copy(grown, in.window)
			in.window = grown
		}
		got, err := in.decoder.Read(in.window[have:min(len(in.window), most)])
		have += got
		in.out += got
		if in.out > in.limit {
			err = tooLarge(in.limit)
		}
		in.fail(err)
	}
	return in.window[:have]
}

// fail records why there is no more.
func (in *inflater) fail(err error) {
	switch {
	case err == nil:
	case errors.Is(err, io.EOF) || fault.KindOf(err) != fault.Unknown:
		in.err = err
	default:
		in.err = fault.New(fault.InvalidRecord, "Failed to decompress record stream: %w", err)
	}
}

// tooLarge is the error for more decompressed bytes than allowed.
func tooLarge(limit int) error {
	return fault.New(fault.InvalidRecord, "Record batch is larger than %d bytes when decompressed", limit)
}
