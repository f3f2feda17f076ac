package differential

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// header is the start of a request, in the form before flexible versions.
func header(key, version int16, client string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, 7)
	b = binary.BigEndian.AppendUint16(b, uint16(len(client)))
	return append(b, client...)
}

func framed(edit func(frame []byte) []byte, request builder) func(*world, int16) []byte {
	return func(w *world, v int16) []byte {
		return edit(kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, request(w, v), 7)[4:])
	}
}

// sending sends a frame as it is.
func sending(name string, lowest, highest int16, frame func(*world, int16) []byte) step {
	return step{name: name, min: lowest, max: highest, frame: frame}
}

func cutShort(b []byte) []byte { return b[:len(b)-1] }

func behind(more ...byte) func([]byte) []byte {
	return func(b []byte) []byte { return append(b, more...) }
}

func exactly(b []byte) func(*world, int16) []byte { return func(*world, int16) []byte { return b } }

func versionOf(key int16) func(*world, int16) []byte {
	return func(_ *world, v int16) []byte { return header(key, v, "raw") }
}

var malformedSteps = []step{
	sending("an empty frame", 0, 0, exactly(nil)),
	sending("half a header", 0, 0, exactly(header(3, 1, "")[:6])),
	sending("a header without a client id", 0, 0, exactly(header(18, 0, "")[:8])),
	sending("a null client id", 0, 0, exactly(append(append(header(12, 0, "")[:8], 0xff, 0xff), 0, 1, 'g', 0, 0, 0, 0, 0,
		1, 'm'))),
	sending("a client id that is cut short", 0, 0, exactly(append(header(16, 0, "")[:8], 0, 9, 'a'))),
	sending("an unknown API", 0, 0, exactly(header(999, 0, "raw"))),
	sending("a negative API", 0, 0, exactly(header(-1, 0, "raw"))),
	sending("an API between brokers", 0, 0, exactly(header(4, 0, "raw"))),
	sending("a version of Metadata that is not", 14, 15, versionOf(3)),
	sending("a negative version of Metadata", -1, -1, versionOf(3)),
	sending("a version of Fetch that was", 0, 3, versionOf(1)),
	sending("a version of ListOffsets that was", 0, 0, versionOf(2)),
	sending("a version of ApiVersions that is not", 5, 9, versionOf(18)),
	sending("a negative version of ApiVersions", -1, -1, versionOf(18)),
	sending("nothing for ApiVersions", 0, 4, versionOf(18)).whether(),
	sending("nothing for Metadata", 0, 13, versionOf(3)).whether(),
	sending("Metadata cut short", 1, 13, framed(cutShort, metadataOf(false, "rec"))).whether(),
	sending("bytes behind Metadata", 1, 13, framed(behind(0, 0, 0), metadataOf(false, "no/where"))).whether(),
	sending("bytes behind Heartbeat", 0, 4, framed(behind(1, 2, 3), heartbeat("nowhere", "x"))),
	sending("Heartbeat cut short", 0, 4, framed(cutShort, heartbeat("nowhere", "x"))),
	sending("JoinGroup cut short", 0, 9, framed(cutShort, join("nowhere", "x"))),
	sending("Produce cut short", 3, 13, framed(cutShort, produce("nowhere", these(harness.Batch("x"))))),
	sending("bytes behind Produce", 3, 13, framed(behind(1, 2, 3), produce("nowhere", these(harness.Batch("x"))))),
	sending("Fetch cut short", 4, 18, framed(cutShort, fetch("nowhere", 0))),
	sending("bytes behind Fetch", 4, 18, framed(behind(1, 2, 3), fetch("nowhere", 0))),
	sending("an unknown tag", 4, 4, framed(func(b []byte) []byte { return append(b[:len(b)-1], 1, 99, 2, 1, 2) },
		heartbeat("nowhere", "x"))),
	sending("a tag cut short", 4, 4, framed(func(b []byte) []byte { return append(b[:len(b)-1], 1, 99, 9, 1, 2) },
		heartbeat("nowhere", "x"))),
	sending("a tag twice", 4, 4, framed(func(b []byte) []byte { return append(b[:len(b)-1], 2, 99, 0, 99, 0) },
		heartbeat("nowhere", "x"))),
	sending("tags out of order", 4, 4, framed(func(b []byte) []byte { return append(b[:len(b)-1], 2, 99, 0, 98, 0) },
		heartbeat("nowhere", "x"))),
	sending("a null group id", 0, 0, exactly(append(header(12, 0, "raw"), 0xff, 0xff, 0, 0, 0, 0, 0, 0))),
	sending("a huge list", 0, 0, exactly(append(header(15, 0, "raw"), 0x7f, 0xff, 0xff, 0xff))),
	sending("a negative list", 0, 0, exactly(append(header(15, 0, "raw"), 0xff, 0xff, 0xff, 0xfe))),
	sending("a null list of groups", 0, 0, exactly(append(header(15, 0, "raw"), 0xff, 0xff, 0xff, 0xff))),
	sending("a list longer than the request", 0, 0, exactly(append(header(15, 0, "raw"), 0, 0, 0, 9, 0, 1, 'a'))),
	sending("a boolean of 2", 0, 0, exactly(append(header(60, 0, "raw"), 0, 2, 0))).whether(),
	sending("text that is no UTF-8", 0, 0, exactly(append(header(15, 0, "raw"), 0, 0, 0, 1, 0, 2, 0xff, 0xfe))),
}
