package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// sealName is the name of the last line of an offset checkpoint, whose offset is the CRC-32C of what is above. Kafka
// has no such topic: its tools and its brokers read the line and pass over it.
const sealName = "#crc32c"

// FormatOffsets returns an offset checkpoint: version 0, the number of lines, then topic, partition and offset.
func FormatOffsets(offsets map[LogName]int64) []byte {
	names := make([]LogName, 0, len(offsets))
	for n := range offsets {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b LogName) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return int(a.Partition) - int(b.Partition)
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "0\n%d\n", len(names)+1)
	for _, n := range names {
		fmt.Fprintf(&b, "%s %d %d\n", n.Topic, n.Partition, offsets[n])
	}
	fmt.Fprintf(&b, "%s 0 %d\n", sealName, crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

// ParseOffsets reads what FormatOffsets returns; nil is a missing file, which is an empty one. sealed is false when it
// has no checksum, as Kafka's own. Error: fault.CorruptMessage.
func ParseOffsets(content []byte) (offsets map[LogName]int64, sealed bool, err error) {
	offsets = make(map[LogName]int64)
	if content == nil {
		return offsets, true, nil
	}
	if len(content) == 0 {
		return nil, false, fault.New(fault.CorruptMessage, "checkpoint is empty")
	}
	err = parseLines(content, 3, func(fields []string) error {
		p, err1 := strconv.ParseInt(fields[1], 10, 32)
		o, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		switch {
		case sealed:
			return fault.New(fault.CorruptMessage, "a line behind the checksum")
		case fields[0] == sealName:
			sealed = true
			above := content[:bytes.LastIndex(content, []byte(sealName))]
			if sum := crc32.Checksum(above, castagnoli); int64(sum) != o {
				return fault.New(fault.CorruptMessage, "the checksum of what is above is %d", sum)
			}
			return nil
		case p < 0 || o < 0:
			return fault.New(fault.CorruptMessage, "no partition, or no offset")
		}
		if err := metadata.ValidateTopicName(fields[0]); err != nil {
			return err
		}
		offsets[LogName{fields[0], int32(p)}] = o
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return offsets, sealed, nil
}
