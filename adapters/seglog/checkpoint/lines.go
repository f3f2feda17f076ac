package checkpoint

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// parseLines reads a checkpoint file: version 0, the number of lines, and lines of so many fields. Nothing at all is an
// empty one.
func parseLines(content []byte, fields int, line func([]string) error) error {
	if len(content) == 0 {
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	header := [2]int{}
	for i := range header {
		if !lines.Scan() {
			return fault.New(fault.CorruptMessage, "checkpoint ends in its header")
		}
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return fault.New(fault.CorruptMessage, "checkpoint header: %w", err)
		}
		header[i] = n
	}
	if header[0] != 0 {
		return fault.New(fault.CorruptMessage, "checkpoint has version %d, known is 0", header[0])
	}
	count := 0
	for ; lines.Scan(); count++ {
		parts := strings.Fields(lines.Text())
		if len(parts) != fields {
			return fault.New(fault.CorruptMessage, "checkpoint line %q has %d fields, not %d", lines.Text(), len(parts), fields)
		}
		if err := line(parts); err != nil {
			return fault.New(fault.CorruptMessage, "checkpoint line %q: %w", lines.Text(), err)
		}
	}
	if count != header[1] || lines.Err() != nil {
		return fault.New(fault.CorruptMessage, "checkpoint has %d lines of %d", count, header[1])
	}
	return nil
}
