package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root             = ".."
	architecturePage = "ARCHITECTURE.md"
)

// TestTheArchitecturePageNamesWhatExists looks for each file of Go that the page names, and for each function, written
// as `f()` or `T.f()`, in the file that is named last before it in the same step, row or paragraph.
func TestTheArchitecturePageNamesWhatExists(t *testing.T) {
	sources, named := newSources(), 0
	for _, b := range blocksOf(readPage(t)) {
		for _, p := range sources.placesIn(t, b) {
			if p.function == "" && p.code == "" {
				continue
			}
			named++
			f := sources.file(t, p.file)
			switch _, declared := f.functions[p.function]; {
			case p.file == "":
				t.Errorf("line %d: no file is named before %s", b.line, p)
			case p.code != "" && !strings.Contains(f.text, p.code):
				t.Errorf("line %d: %s has no %s", b.line, p.file, p.code)
			case p.code == "" && !declared:
				t.Errorf("line %d: %s does not declare %s. In its folder, these do: %v", b.line, p.file, p.function,
					sources.declaring(t, p))
			}
		}
	}
	if named < 150 {
		t.Errorf("the page names only %d functions", named)
	}
}

// TestTheDataPathsAreConnected follows the calls of each data path. A function in it is used in one that is named
// before it, unless it is the first of a step that begins with "On the": there another goroutine goes on.
func TestTheDataPathsAreConnected(t *testing.T) {
	sources, page := newSources(), readPage(t)
	for _, title := range []string{"A record in", "A record out", "A metadata command", "A group join"} {
		steps := 0
		used := map[string]bool{"apiTable": true} // conn.exchange finds the handler in this table, by the request's key
		for _, b := range blocksOf(page) {
			if b.section != title || b.step == 0 {
				continue
			}
			if steps++; b.step != steps {
				t.Errorf("%s: step %d has the number %d", title, steps, b.step)
			}
			begins := steps == 1 || strings.HasPrefix(b.text, "On the ")
			functions := 0
			for _, p := range sources.placesIn(t, b) {
				if p.function == "" {
					continue
				}
				functions++
				_, name, method := strings.Cut(p.function, ".")
				if !method {
					name = p.function
				}
				if !begins && !used[name] {
					t.Errorf("%s, step %d: no function that is named before uses %s", title, steps, p)
				}
				begins = false
				maps.Copy(used, sources.file(t, p.file).functions[p.function])
			}
			if functions == 0 {
				t.Errorf("%s, step %d names no function", title, steps)
			}
		}
		if steps < 5 {
			t.Errorf("%s has %d steps", title, steps)
		}
	}
}

// TestEachRuleHasAFunction looks at the list of rules: a question, the answer, and where the code decides it.
func TestEachRuleHasAFunction(t *testing.T) {
	sources, rules := newSources(), 0
	for _, b := range blocksOf(readPage(t)) {
		question := asked.FindString(b.text)
		if b.section != "Where the rules are" || question == "" {
			continue
		}
		rules++
		if !slices.ContainsFunc(sources.placesIn(t, b), func(p place) bool { return p.function != "" }) {
			t.Errorf("line %d: no function answers %s", b.line, question)
		}
	}
	if rules < 10 {
		t.Errorf("the page has %d rules", rules)
	}
}

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(architecturePage)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// block is a part of a page in which a file that is named counts for the functions behind it: a paragraph, an item of a
// list, a row of a table.
type block struct {
	section string // the heading above it
	line    int    // where it begins
	step    int    // its number in a numbered list, 0 for none
	text    string // in one line
}

var (
	numbered = regexp.MustCompile(`^(\d+)\. (.*)`)
	heading  = regexp.MustCompile(`^##+ (.*)`)
	asked    = regexp.MustCompile(`^- \*\*.*\?\*\*`)
)

// blocksOf returns the blocks of a page, without its code blocks.
func blocksOf(page string) (blocks []block) {
	section, fenced, open := "", false, false
	for n, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			fenced, open = !fenced, false
			continue
		case fenced, !open && strings.HasPrefix(line, "    "):
			continue
		case strings.TrimSpace(line) == "":
			open = false
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			section, open = m[1], false
			continue
		}
		b := block{section: section, line: n + 1, text: strings.TrimSpace(line)}
		if m := numbered.FindStringSubmatch(line); m != nil {
			b.step, _ = strconv.Atoi(m[1]) // it has digits only
			b.text = m[2]
		}
		if open && b.step == 0 && !strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "- ") {
			blocks[len(blocks)-1].text += " " + b.text
			continue
		}
		blocks, open = append(blocks, b), true
	}
	return blocks
}

// place is what a page names: a file, a function in it, or a piece of its text.
type place struct{ file, function, code string }

func (p place) String() string { return p.function + p.code + " (" + p.file + ")" }

// source is a file of Go: its text, and of each function and method the names that its body uses, nil for a method of
// an interface.
type source struct {
	text      string
	functions map[string]map[string]bool
}

// sources are the files that have been read, by their paths.
type sources map[string]source

func newSources() sources { return sources{"": {}} }

var (
	quoted       = regexp.MustCompile("`([^`]+)`")
	goFile       = regexp.MustCompile(`^[\w./-]+\.go$`)
	goFunction   = regexp.MustCompile(`^(?:\w+\.)?\w+\(\)$`)
	isQuotedCode = regexp.MustCompile(`^(wire\.Bind\(.*\)|//go:build .*)$`)
)

// placesIn returns what b names, in the order of its text. A file without a folder is in that of the file before it.
func (s sources) placesIn(t *testing.T, b block) (places []place) {
	t.Helper()
	file := ""
	for _, m := range quoted.FindAllStringSubmatch(b.text, -1) {
		switch name := m[1]; {
		case goFile.MatchString(name):
			if !strings.Contains(name, "/") {
				name = path.Join(path.Dir(file), name)
			}
			if _, err := os.Stat(filepath.Join(root, name)); err != nil {
				t.Errorf("line %d: %v", b.line, err)
				continue
			}
			file = name
			places = append(places, place{file: file})
		case goFunction.MatchString(name):
			places = append(places, place{file: file, function: strings.TrimSuffix(name, "()")})
		case isQuotedCode.MatchString(name):
			places = append(places, place{file: file, code: name})
		}
	}
	return places
}

// file returns the file with that path.
func (s sources) file(t *testing.T, name string) source {
	t.Helper()
	if f, read := s[name]; read {
		return f
	}
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := source{string(text), map[string]map[string]bool{}}
	for _, d := range parsed.Decls {
		if d, is := d.(*ast.FuncDecl); is && d.Body != nil {
			uses := map[string]bool{}
			ast.Inspect(d.Body, func(n ast.Node) bool {
				if id, is := n.(*ast.Ident); is {
					uses[id.Name] = true
				}
				return true
			})
			f.functions[nameOf(d)] = uses
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, is := n.(*ast.TypeSpec); is {
			if i, is := spec.Type.(*ast.InterfaceType); is {
				for _, m := range i.Methods.List {
					for _, name := range m.Names {
						f.functions[spec.Name.Name+"."+name.Name] = nil
					}
				}
			}
		}
		return true
	})
	s[name] = f
	return f
}

// declaring returns the files in the folder of p's that declare its function.
func (s sources) declaring(t *testing.T, p place) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(root, path.Dir(p.file), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if _, has := s.file(t, strings.TrimPrefix(filepath.ToSlash(name), root+"/")).functions[p.function]; has {
			files = append(files, filepath.Base(name))
		}
	}
	return files
}

// nameOf returns a function's name, and a method's with its type's.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	of := d.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "." + d.Name.Name
		default:
			return d.Name.Name
		}
	}
}
