package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheOperationsPageNamesMessagesThatExist compares docs/operations.md with the broker's source: an operator who
// looks a log message up finds it there.
func TestTheOperationsPageNamesMessagesThatExist(t *testing.T) {
	const root = ".."
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var program strings.Builder
	eachFile(t, root, func(path, source string) {
		if !strings.HasSuffix(path, "_test.go") {
			program.WriteString(source)
		}
	})
	_, table, _ := strings.Cut(string(page), "## What the messages mean")
	table, _, _ = strings.Cut(table, "\n## ")
	byOthers := []string{"unexpected fault address", "SIGBUS", "became unreachable"} // the runtime of Go, and dragonboat
	variable := regexp.MustCompile(`…|\bN\b|partition\.metadata|chronik\.version`)   // what the source has a verb for
	messages := 0
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 1 {
			for _, message := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				messages++
				for _, part := range variable.Split(message[1], -1) {
					part = strings.Trim(part, " ,.")
					if !strings.Contains(program.String(), part) && !slices.Contains(byOthers, part) {
						t.Errorf("nothing says %q of %q", part, message[1])
					}
				}
			}
		}
	}
	if messages < 25 {
		t.Errorf("the page explains %d messages", messages)
	}
}
