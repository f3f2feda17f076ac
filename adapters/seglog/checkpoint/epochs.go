package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/chronik-stream/chronik/core/domain/partition"
)

// FormatEpochs returns a leader epoch checkpoint: version 0, the number of lines, then epoch and start offset.
func FormatEpochs(entries []partition.EpochStart) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "0\n%d\n", len(entries))
	for _, e := range entries {
		fmt.Fprintf(&b, "%d %d\n", e.Epoch, e.Start)
	}
	return b.Bytes()
}

// ParseEpochs reads what FormatEpochs returns. Error: fault.CorruptMessage.
func ParseEpochs(content []byte) ([]partition.EpochStart, error) {
	var entries []partition.EpochStart
	err := parseLines(content, 2, func(fields []string) error {
		epoch, err1 := strconv.ParseInt(fields[0], 10, 32)
		start, err2 := strconv.ParseInt(fields[1], 10, 64)
		entries = append(entries, partition.EpochStart{Epoch: int32(epoch), Start: start})
		return errors.Join(err1, err2)
	})
	return entries, err
}
