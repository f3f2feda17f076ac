package record

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Level is how hard a codec tries, in the numbers of Kafka's compression.gzip.level,
// compression.lz4.level and compression.zstd.level. Zero is each codec's default.
type Level int

// The defaults of Kafka's configs of these names.
const (
	DefaultGzipLevel Level = -1
	DefaultLZ4Level  Level = 9
	DefaultZstdLevel Level = 3
)

// CheckLevel returns fault.InvalidConfig if the codec has no such level.
func CheckLevel(codec Codec, level Level) error {
	low, high, ok := Level(0), Level(0), level == 0
	switch codec {
	case Gzip:
		low, high, ok = 1, 9, ok || level == DefaultGzipLevel
	case LZ4:
		low, high = 1, 17
	case Zstd:
		low, high = -131072, 22
	case None, Snappy: // have no levels
	}
	if !ok && (level < low || level > high) {
		return fault.New(fault.InvalidConfig, "%s has no compression level %d, allowed %d to %d", codec,
			level, low, high)
	}
	return nil
}

// Compress appends src, compressed, to dst. Errors are those of CheckLevel.
func Compress(dst []byte, codec Codec, level Level, src []byte) ([]byte, error) {
	if err := CheckLevel(codec, level); err != nil {
		return nil, err
	}
	effort := effortOf(codec, level)
	switch codec {
	case None:
		return append(dst, src...), nil
	case Snappy:
		return appendSnappy(dst, src), nil
	case Gzip, LZ4, Zstd:
		pool := &encoders[codec][effort]
		e, ok := pool.Get().(encoder)
		if !ok {
			e = newEncoder(codec, effort)
		}
		defer pool.Put(e)
		return e.encode(dst, src)
	}
	return nil, fault.New(fault.InvalidConfig, "Unknown compression type id: %d", codec)
}

// encoder compresses one source after the other.
type encoder interface {
	encode(dst, src []byte) ([]byte, error)
}

// efforts is the number of effortOf's possible results.
const efforts = 10

// encoders keeps idle encoders by codec and effort: their tables are costly to make.
var encoders [Zstd + 1][efforts]sync.Pool

// effortOf maps a level to what the codec's library offers, 0 to 9.
func effortOf(codec Codec, level Level) int {
	switch {
	case codec == Gzip:
		return int(max(level, 0)) // 0 stands for the default, -1
	case codec == LZ4 && (level == 0 || level == DefaultLZ4Level):
		return 0 // the fast algorithm, as in Kafka; all other levels take the thorough one
	case codec == LZ4:
		return int(min(level, 9))
	case codec == Zstd && level == 0:
		return int(zstd.EncoderLevelFromZstd(int(DefaultZstdLevel)))
	case codec == Zstd:
		return int(zstd.EncoderLevelFromZstd(int(level)))
	}
	return 0
}

func newEncoder(codec Codec, effort int) encoder {
	switch codec {
	case Gzip:
		level := effort
		if level == 0 {
			level = gzip.DefaultCompression
		}
		w, err := gzip.NewWriterLevel(nil, level)
		return must(&streamEncoder{w: w}, err)
	case LZ4:
		// As Kafka's Lz4BlockOutputStream: 64 KiB blocks, and no checksum except the header's.
		level := lz4.Fast
		if effort > 0 {
			level = lz4.Level1 << (effort - 1)
		}
		w := lz4.NewWriter(nil)
		return must(&streamEncoder{w: w}, w.Apply(lz4.ConcurrencyOption(1), lz4.BlockSizeOption(lz4.Block64Kb),
			lz4.ChecksumOption(false), lz4.CompressionLevelOption(level)))
	default:
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(zstdEncoderWindow), zstd.WithEncoderLevel(zstd.EncoderLevel(effort)),
			zstd.WithZeroFrames(true))
		return must(zstdEncoder{e}, err)
	}
}

// zstdEncoderWindow is the usual maximum size of a batch.
const zstdEncoderWindow = 1 << 20

// must returns e. An error can only come from invalid options, and these are constant and valid.
func must[E encoder](e E, err error) encoder {
	if err != nil {
		panic(err)
	}
	return e
}

type zstdEncoder struct{ *zstd.Encoder }

//nolint:unparam // an encoder may fail, this one never does
func (e zstdEncoder) encode(dst, src []byte) ([]byte, error) { return e.EncodeAll(src, dst), nil }

// streamEncoder makes an encoder of a library's writer.
type streamEncoder struct {
	w interface {
		io.WriteCloser
		Reset(w io.Writer)
	}
	out sink
}

// sink collects what is written to it.
type sink []byte

func (s *sink) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}

func (e *streamEncoder) encode(dst, src []byte) ([]byte, error) {
	e.out = dst
	e.w.Reset(&e.out)
	if _, err := e.w.Write(src); err != nil {
		return nil, err
	}
	if err := e.w.Close(); err != nil {
		return nil, err
	}
	out := e.out
	e.out = nil
	return out, nil
}
