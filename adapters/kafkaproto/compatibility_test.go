package kafkaproto

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

//go:generate go test -run TestTheCompatibilityTableIsThatOfTheCode -update .

var update = flag.Bool("update", false, "write the files that are generated from the code")

const compatibilityFile = "../../docs/compatibility.md"

const compatibilityHead = `# Compatibility

Which APIs of the Kafka protocol Chronik serves, and in which versions, beside those that Apache Kafka announces. An
API is announced only when it is complete. This file is generated from the code by ` + "`make generate`" + `; a test
checks that it is current.

`

func TestTheCompatibilityTableIsThatOfTheCode(t *testing.T) {
	kafka, err := os.ReadFile("testdata/kafka-4.3.1-api-versions.txt")
	if err != nil {
		t.Fatal(err)
	}
	table, err := compatibility(string(kafka))
	if err != nil {
		t.Fatal(err)
	}
	want := compatibilityHead + table
	if *update {
		if err := os.WriteFile(compatibilityFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(compatibilityFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: run make generate", compatibilityFile)
	}
}

// compatibility returns the table of all APIs of Apache Kafka and what this broker serves of them, as Markdown.
// kafka is what Apache Kafka announces: a line with key, name, lowest and highest version for each API.
func compatibility(kafka string) (string, error) {
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
