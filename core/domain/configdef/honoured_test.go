package configdef_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// given are the configs that wiring gives the broker from its own configuration; who needs them has them from there.
var given = []string{"node.id", "broker.id", "broker.rack", "log.dirs", "listeners", "advertised.listeners"}

// A broker config that is said to be honoured must be read somewhere: by its name, or by way of a topic's config or of
// one in another unit.
func TestWhatIsSaidToBeHonouredIsRead(t *testing.T) {
	root := "../../.."
	if _, err := os.Stat(filepath.Join(root, "wiring")); err != nil {
		t.Skip("nothing is wired")
	}
	var source bytes.Buffer
	for _, folder := range []string{"core", "adapters", "wiring"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "configdef") {
				return err
			}
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) bool {
		ofTopic := slices.ContainsFunc(configdef.Topic.Keys(), func(k configdef.Key) bool { return k.Broker == name })
		// The settings of internal topics are put together of a prefix and the rest.
		_, rest, ofInternal := strings.Cut(name, "offsets.topic.")
		return ofTopic || bytes.Contains(source.Bytes(), []byte(`"`+name+`"`)) ||
			ofInternal && bytes.Contains(source.Bytes(), []byte(`"`+rest+`"`))
	}
	for _, k := range configdef.Broker.Keys() {
		if k.Use != configdef.Honoured || slices.Contains(given, k.Name) || read(k.Name) || slices.ContainsFunc(k.Synonyms, read) {
			continue
		}
		t.Errorf("%s is said to be honoured, but nobody reads it", k.Name)
	}
}
