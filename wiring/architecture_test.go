package wiring

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/chronik-stream/chronik/"

// pkg is a package as go list shows it.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// buildModes are the flags of the two ways to build.
var buildModes = map[string][]string{"standalone": nil, "raft": {"-tags", "raft"}}

// packages returns the packages of this module.
func packages(t *testing.T, flags []string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", slices.Concat([]string{"list"}, flags,
		[]string{"-json=ImportPath,Imports,TestImports,XTestImports", "./..."})...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list finds only %d packages", len(all))
	}
	return all
}

// impure are the packages of the standard library that pure packages must not import, because they do input or output.
var impure = []string{
	"net", "net/http", "os", "os/exec", "os/signal", "log", "log/slog", "syscall", "io/fs", "path/filepath",
}

// forbidden says why the package at path may not import another, "" when it may. Both are without the module's path; a
// package of the standard library or of another module is given as it is.
func forbidden(path, imported string, ours bool) string {
	layer, _, _ := strings.Cut(path, "/")
	target, _, _ := strings.Cut(imported, "/")
	pure := strings.HasPrefix(path, "core/domain/") && !strings.HasPrefix(path, "core/domain/broker")
	switch {
	case !ours && pure && slices.Contains(impure, imported):
		return "a pure package does no input or output"
	case !ours:
		return ""
	case target == "wiring" && layer != "wiring" && layer != "cmd" && !isAPI(path):
		return "only cmd and the packages for other programs import wiring"
	case target == "configs" && layer != "wiring" && layer != "cmd" && layer != "configs":
		return "only cmd and wiring import configs"
	case target == "adapters" && layer == "adapters" && adapterOf(imported) != "internal" &&
		adapterOf(path) != adapterOf(imported):
		return "no adapter imports another"
	case target == "adapters" && layer != "adapters" && layer != "wiring":
		return "only wiring imports adapters"
	case layer == "cmd" && target == "core":
		return "cmd imports wiring and configs only"
	case layer == "core" && target != "core" && target != "internal":
		return "imports point inwards"
	case layer == "internal":
		return "a tool without a domain imports nothing of ours"
	case pure && (imported == "core/ports" || strings.HasPrefix(imported, "core/domain/broker")):
		return "a pure package knows neither ports nor services"
	case path == "core/ports" && strings.HasPrefix(imported, "core/domain/broker"):
		return "ports know no services"
	}
	return ""
}

// isAPI reports whether other programs import the package at path.
func isAPI(path string) bool {
	return path == "github.com/chronik-stream/chronik" || path == "chroniktest"
}

func adapterOf(path string) string {
	parts := strings.SplitN(path, "/", 3)
	return parts[min(1, len(parts)-1)]
}

func TestImportsPointInwards(t *testing.T) {
	for mode, flags := range buildModes {
		for _, p := range packages(t, flags) {
			path := strings.TrimPrefix(p.ImportPath, module)
			for _, imported := range p.Imports {
				short, ours := strings.CutPrefix(imported, module)
				if why := forbidden(path, short, ours); why != "" {
					t.Errorf("%s: %s imports %s: %s", mode, path, short, why)
				}
			}
			for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
				short, ours := strings.CutPrefix(imported, module)
				// Tests may do input and output, but must respect the layers.
				if ours && forbidden(path, short, ours) != "" {
					t.Errorf("%s: a test of %s imports %s: %s", mode, path, short, forbidden(path, short, ours))
				}
			}
		}
	}
}

func TestTheRulesForbidWhatTheyShould(t *testing.T) {
	for _, wrong := range [][2]string{
		{"core/domain/metadata", "core/ports"},
		{"core/domain/group", "core/domain/broker"},
		{"core/domain/broker", "adapters/seglog"},
		{"core/ports", "core/domain/broker"},
		{"core/domain/broker", "configs"},
		{"adapters/seglog", "adapters/walstore"},
		{"adapters/seglog", "configs"},
		{"adapters/seglog", "wiring"},
		{"cmd/chronik-server", "adapters/seglog"},
		{"cmd/chronik-server", "core/ports"},
		{"core/domain/broker/groups", "adapters/internal/metalog"},
		{"internal/latest", "core/ports"},
	} {
		if forbidden(wrong[0], wrong[1], true) == "" {
			t.Errorf("%s may import %s", wrong[0], wrong[1])
		}
	}
	for _, wrong := range []string{"os", "net", "log/slog"} {
		if forbidden("core/domain/record", wrong, false) == "" {
			t.Errorf("core/domain/record may import %s", wrong)
		}
	}
	for _, right := range [][2]string{
		{"core/domain/group", "core/domain/fault"},
		{"core/domain/broker/replicas", "core/ports"},
		{"core/domain/broker/replicas", "internal/limitedlog"},
		{"adapters/seglog", "adapters/seglog/journal"},
		{"adapters/seglog", "adapters/internal/invariants"},
		{"adapters/kafkaproto", "core/domain/broker/replicas"},
		{"wiring", "adapters/seglog"},
		{"wiring", "configs"},
		{"cmd/chronik-server", "wiring"},

		{"configs", "core/domain/configdef"},
	} {
		if why := forbidden(right[0], right[1], true); why != "" {
			t.Errorf("%s may not import %s: %s", right[0], right[1], why)
		}
	}
}

func TestDragonboatIsNotLinkedWithoutTheTag(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/chronik-server")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), module+"adapters/kafkaproto") {
		t.Fatal("the broker's packages are not listed")
	}
	for dependency := range strings.SplitSeq(string(out), "\n") {
		if strings.Contains(dependency, "dragonboat") || strings.HasPrefix(dependency, module+"adapters/raft") {
			t.Errorf("%s is linked without the raft tag", dependency)
		}
	}
}

// tagged is where the build tag raft may stand: in the only package that imports dragonboat, and in the wiring of that
// package. Everything else compiles in both modes, so that tools and the plain tests see it.
var tagged = regexp.MustCompile(`^(adapters/raftnode/.*|wiring/[a-z_]+|wiring/cluster/(metadata|group))\.go$`)

func TestTheTagStandsOnlyWhereDragonboatIsNeeded(t *testing.T) {
	found := 0
	for _, folder := range []string{"adapters", "core", "cmd", "configs", "internal", "wiring"} {
		err := filepath.WalkDir(filepath.Join("..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			constraint, _, _ := strings.Cut(string(text), "\npackage ")
			if !regexp.MustCompile(`(?m)^//go:build .*\braft\b`).MatchString(constraint) {
				return nil
			}
			found++
			if name := filepath.ToSlash(strings.TrimPrefix(path, "../")); !tagged.MatchString(name) {
				t.Errorf("%s has the tag raft", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d files with the tag are found", found)
	}
}

// TestThePortIsBoundToTheStoreOfEachMode reads the two files that say which adapter is behind the services' port.
func TestThePortIsBoundToTheStoreOfEachMode(t *testing.T) {
	for file, want := range map[string][2]string{
		"providers_standalone.go": {"//go:build !raft", "wire.Bind(new(ports.MetadataStore), new(*walstore.Store))"},
		"providers_raft.go":       {"//go:build raft", "wire.Bind(new(ports.MetadataStore), new(*raftmeta.Store))"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(text), want[0]+"\n") || !strings.Contains(string(text), want[1]) {
			t.Errorf("%s does not begin with %s, or has no %s", file, want[0], want[1])
		}
	}
}

func TestGeneratedFilesAreUpToDate(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Wire twice")
	}
	out, err := exec.CommandContext(t.Context(), "./generate", "--check").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
