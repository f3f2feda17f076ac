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

// TestTheOperationsPageListsAllMetrics compares the list of metrics with the instruments in the source. Their names get
// the unit and the kind as an ending when Prometheus reads them.
func TestTheOperationsPageListsAllMetrics(t *testing.T) {
	const root = ".."
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\nAll metrics")
	table, _, _ = strings.Cut(table, "\n## ")
	listed := map[string]bool{}
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 1 {
			for _, name := range regexp.MustCompile("`(chronik_[a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				listed[name[1]] = true
			}
		}
	}
	instrument := regexp.MustCompile(`(?:\.(?:Int64|Float64)\w+\(|flag\(\s*|\{\s*)"(chronik(?:\.[a-z]+)+)",\s`)
	endings := []string{"", "_total", "_bytes", "_bytes_total", "_seconds", "_bytes_per_second"}
	found := 0
	for _, folder := range []string{"adapters/telemetry", "wiring"} {
		eachFile(t, filepath.Join(root, filepath.FromSlash(folder)), func(path, source string) {
			if strings.HasSuffix(path, "_test.go") {
				return
			}
			for _, name := range instrument.FindAllStringSubmatch(source, -1) {
				found++
				prefix := strings.ReplaceAll(name[1], ".", "_")
				at := slices.IndexFunc(endings, func(ending string) bool { return listed[prefix+ending] })
				if at < 0 {
					t.Errorf("%s of %s is not listed", name[1], path)
					continue
				}
				delete(listed, prefix+endings[at])
			}
		})
	}
	for name := range listed {
		t.Errorf("%s is listed, and there is no such metric", name)
	}
	if found < 20 {
		t.Errorf("the source has %d metrics", found)
	}
}
