package record

import (
	"strconv"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Codec is a compression codec, numbered as in a batch's attributes.
type Codec int8

// The codecs that Kafka has.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// Known tells whether c is one of the codecs that Kafka has; a batch's attributes can hold others.
func (c Codec) Known() bool { return c >= None && int(c) < len(codecNames) }

// String returns Kafka's name of the codec.
func (c Codec) String() string {
	if c.Known() {
		return codecNames[c]
	}
	return "codec " + strconv.Itoa(int(c))
}

// ParseCodec returns the codec by its name in compression.type; "uncompressed" is None, too. A name that is no codec,
// such as "producer", is fault.InvalidConfig.
func ParseCodec(name string) (Codec, error) {
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	if name == "uncompressed" {
		return None, nil
	}
	return None, fault.New(fault.InvalidConfig, "Unknown compression name: %s", name)
}
