package harness

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
)

// Main runs the tests of a package, for its TestMain. All of them need a real broker, so -short runs none.
func Main(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("NOT RUN: the tests run real brokers and clients, and -short is given")
		return
	}
	m.Run()
	if built != "" {
		os.Remove(built)
	}
}

// Binary is the path of the broker under test.
func Binary(t *testing.T) string {
	t.Helper()
	path, err := brokerBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// brokerBinary builds the broker for all tests of a package, unless CHRONIK_BINARY gives one.
var brokerBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("CHRONIK_BINARY"); path != "" {
		return path, nil
	}
	built = filepath.Join(os.TempDir(), fmt.Sprintf("chronik-server-e2e-%d", os.Getpid()))
	build := exec.Command("go", "build", "-tags="+tags(), "-o", built, "../../cmd/chronik-server")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the broker: %w\n%s", err, out)
	}
	return built, nil
})

// built is the path of the broker that brokerBinary has built.
var built string

// tags are the build tags of this program.
func tags() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				return s.Value
			}
		}
	}
	return ""
}
