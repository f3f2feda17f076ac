package record

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
