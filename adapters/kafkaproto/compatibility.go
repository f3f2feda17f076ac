package kafkaproto

import (
	"fmt"
	"strconv"
	"strings"
)

//go:generate go test -run TestTheCompatibilityTableIsThatOfTheCode -update .

// Compatibility returns the table of all APIs of Apache Kafka and what this broker serves of them, as Markdown.
// kafka is what Apache Kafka announces: a line with key, name, lowest and highest version for each API.
func Compatibility(kafka string) (string, error) {
	var out strings.Builder
	out.WriteString("| key | API | Apache Kafka 4.3.1 | Chronik | |\n|---:|---|---|---|---|\n")
	served := indexAPIs(apiTable())
	for line := range strings.Lines(kafka) {
		var (
			key             int
			name            string
			lowest, highest int16
		)
		if _, err := fmt.Sscan(line, &key, &name, &lowest, &highest); err != nil {
			return "", fmt.Errorf("line %q: %w", line, err)
		}
		ours, note := "–", ""
		if key < len(served) && served[key] != nil {
			ours, note = versions(served[key].min, served[key].max), served[key].note
		}
		fmt.Fprintf(&out, "| %d | %s | %s | %s | %s |\n", key, name, versions(lowest, highest), ours, note)
	}
	return out.String(), nil
}

func versions(lowest, highest int16) string {
	if lowest == highest {
		return strconv.Itoa(int(lowest))
	}
	return fmt.Sprintf("%d–%d", lowest, highest)
}
