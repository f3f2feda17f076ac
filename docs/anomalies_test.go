// Package docs holds the pages beside it against the source.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheAnomaliesPageNamesTestsThatExist reads docs/anomalies.md, and every test file of the project.
func TestTheAnomaliesPageNamesTestsThatExist(t *testing.T) {
	const root = ".."
	page, err := os.ReadFile(filepath.Join(root, "docs", "anomalies.md"))
	if err != nil {
		t.Fatal(err)
	}
	exists := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	eachFile(t, root, func(path, source string) {
		if strings.HasSuffix(path, "_test.go") {
			for _, m := range declared.FindAllStringSubmatch(source, -1) {
				exists[m[1]] = true
			}
		}
	})
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1)
	if len(named) < 50 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, m := range named {
		if !exists[string(m[1])] {
			t.Errorf("docs/anomalies.md names %s, which no test file has", m[1])
		}
	}
}

// eachFile visits the files of Go below root.
func eachFile(t *testing.T, root string, visit func(path, source string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		source, err := os.ReadFile(path)
		visit(path, string(source))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
