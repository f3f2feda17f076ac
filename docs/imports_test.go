package docs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// go test ./docs -rewrite writes the import graph as it is now into the page. Read the difference.
var rewrite = flag.Bool("rewrite", false, "write the import graph into "+architecturePage)

const module = "github.com/chronik-stream/chronik"

// packages returns the packages of this module and what they import of it in a build
// with these tags, by their paths without the module's.
func packages(t *testing.T, tags string) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", tags, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		var ours []string
		for name := range strings.FieldsSeq(line) {
			if short, in := strings.CutPrefix(name, module); in {
				ours = append(ours, strings.TrimPrefix(short, "/"))
			}
		}
		all[ours[0]] = ours[1:]
	}
	if len(all) < 30 {
		t.Fatalf("go list %s finds only %d packages", tags, len(all))
	}
	return all
}

// rooms are the folders whose packages the graph shows, from the inside outwards. A package is in the one with the
// longest name that it begins with.
var rooms = []string{"internal/", "core/domain/", "core/ports", "core/domain/broker", "adapters/", "wiring"}

// roomOf returns the room of a package, "" for none.
func roomOf(name string) (room string) {
	for _, r := range rooms {
		if strings.HasPrefix(name, r) && len(r) > len(room) {
			room = r
		}
	}
	return room
}

// graph draws the packages in the rooms, a line for each, with the last parts of the paths of what it imports. Each
// line of a room imports of that room only what stands above it.
func graph(t *testing.T, imports map[string][]string) string {
	t.Helper()
	floors := make(map[string]int)
	var floor func(name string) int
	floor = func(name string) int {
		if at, known := floors[name]; known {
			return at
		}
		at := 0
		for _, other := range imports[name] {
			at = max(at, floor(other)+1)
		}
		floors[name] = at
		return at
	}
	lines := make(map[string][]string)
	shown := make(map[string]string)
	for name := range imports {
		room := roomOf(name)
		if room == "" {
			continue
		}
		lines[room] = append(lines[room], name)
		if other := shown[path.Base(name)]; other != "" {
			t.Errorf("%s and %s have the same name in the graph", name, other)
		}
		shown[path.Base(name)] = name
	}
	var text strings.Builder
	for _, room := range rooms {
		if len(lines[room]) > 0 && text.Len() > 0 {
			text.WriteString("\n")
		}
		slices.SortFunc(lines[room], func(a, b string) int {
			if d := floor(a) - floor(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		for _, name := range lines[room] {
			writeImports(&text, name, imports[name])
		}
	}
	return text.String()
}

const (
	importsColumn = 50
	lastColumn    = 120
)

// writeImports writes the line of a package, broken where it gets too long.
func writeImports(text *strings.Builder, name string, imports []string) {
	var short []string
	for _, other := range imports {
		short = append(short, path.Base(other))
	}
	slices.Sort(short)
	line := name
	for i, s := range short {
		switch {
		case i == 0:
			line = fmt.Sprintf("%-*s%s", importsColumn, name, s)
		case len(line)+1+len(s) > lastColumn:
			text.WriteString(line + "\n")
			line = strings.Repeat(" ", importsColumn) + s
		default:
			line += " " + s
		}
	}
	text.WriteString(line + "\n")
}

// added returns what is in all and not in base.
func added(base, all map[string][]string) map[string][]string {
	more := make(map[string][]string)
	for name, imports := range all {
		known, old := base[name]
		fresh := slices.DeleteFunc(slices.Clone(imports), func(i string) bool { return slices.Contains(known, i) })
		if !old || len(fresh) > 0 {
			more[name] = fresh
		}
	}
	return more
}

// TestTheImportGraphIsThatOfTheCode compares the graph on the page with what the compiler sees: that of the build
// without tag, and what the tag raft adds.
func TestTheImportGraphIsThatOfTheCode(t *testing.T) {
	page := readPage(t)
	before, section, found := strings.Cut(page, "\n## Import graph\n")
	section, after, _ := strings.Cut(section, "\n## ")
	fences := regexp.MustCompile("(?s)```text\n(.*?)```").FindAllStringSubmatchIndex(section, -1)
	if !found || len(fences) != 2 {
		t.Fatalf("the page has %d drawings of the import graph, want 2", len(fences))
	}
	plain, tagged := packages(t, "-tags="), packages(t, "-tags=raft")
	want := []string{graph(t, plain), graph(t, added(plain, tagged))}
	for i, at := range slices.Backward(fences) {
		if section[at[2]:at[3]] != want[i] {
			section = section[:at[2]] + want[i] + section[at[3]:]
			if !*rewrite {
				t.Errorf("the import graph has changed: see go test ./docs -rewrite. It is now:\n%s", want[i])
			}
		}
	}
	if *rewrite {
		page = before + "\n## Import graph\n" + section + "\n## " + after
		if err := os.WriteFile(architecturePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheMapHasEveryPackage looks for each package in the table of the page, by the last part of its path.
func TestTheMapHasEveryPackage(t *testing.T) {
	_, table, _ := strings.Cut(readPage(t), "## Where things are")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, tags := range []string{"-tags=", "-tags=raft"} {
		for name := range packages(t, tags) {
			last := path.Base(path.Join(module, name))
			if !strings.Contains(table, "`"+last+"`") && !strings.Contains(table, "/"+last+"`") {
				t.Errorf("with %s: %s is not on the map", tags, name)
			}
		}
	}
}
