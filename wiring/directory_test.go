package wiring

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/configs"
)

// files returns the size of each file below dir, except for the lock, by its path.
func files(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.Name() == lockFile {
			return err
		}
		info, err := e.Info()
		if err == nil {
			found[path] = info.Size()
		}
		if e.IsDir() {
			found[path] = 0
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// refuses checks that no start of a broker succeeds, that its error contains all of wants, and that it changes nothing
// in the data directory.
func refuses(t *testing.T, cfg *configs.Config, wants ...string) {
	t.Helper()
	before := files(t, cfg.DataDir)
	for range 2 {
		s, err := startQuietly(t.Context(), cfg)
		if err == nil {
			_ = s.Close()
			t.Fatalf("the broker starts; files (-before +after):\n%s", cmp.Diff(before, files(t, cfg.DataDir)))
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Start() = %v, want %q", err, want)
			}
		}
		if diff := cmp.Diff(before, files(t, cfg.DataDir)); diff != "" {
			t.Errorf("a refused start changes files (-before +after):\n%s", diff)
		}
	}
}

// produced runs a standalone broker, produces records to the topic orders, and returns the data directory.
func produced(t *testing.T, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	s, err := startQuietly(t.Context(), config(t, dir, more...))
	if err != nil {
		t.Fatal(err)
	}
	cl := client(t, s, kgo.DefaultProduceTopic("orders"))
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Error(err)
	}
	if err := cl.ProduceSync(t.Context(), kgo.StringRecord("kept")).FirstErr(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// kafkaLogs returns a directory that holds two logs as Kafka's directories of logs hold them.
func kafkaLogs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, log := range []string{"a-0", "a-1"} {
		if err := os.Mkdir(filepath.Join(dir, log), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{
			"partition.metadata": "version: 0\ntopic_id: RKHJJLGJQICo_Qq5mJZO0Q\n", "00000000000000000000.log": "records",
		} {
			if err := os.WriteFile(filepath.Join(dir, log, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

const noMetadata = "holds the records of 2 partitions, a-0, a-1 among them, but no metadata"

func TestABrokerDoesNotStartOnRecordsWithoutMetadata(t *testing.T) {
	for _, wal := range []string{"true", "false"} {
		refuses(t, config(t, kafkaLogs(t), "use_wal_metadata="+wal), noMetadata)
	}
	embedding := Embedding{NoReserve: true}
	embedding.Dir, embedding.Logger = kafkaLogs(t), NewLogging(config(t, t.TempDir()), io.Discard).Logger
	for range 2 {
		s, err := Embed(t.Context(), embedding)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), noMetadata) {
			t.Errorf("Embed() = %v", err)
		}
	}
}

func TestABrokerDoesNotStartBesideMetadataOfTheOtherKind(t *testing.T) {
	refuses(t, config(t, produced(t), "use_wal_metadata=false"), "keeps its metadata with use_wal_metadata = true")
	refuses(t, config(t, produced(t, "use_wal_metadata=false")), "keeps its metadata with use_wal_metadata = false")
}

// A migration that ends in the middle leaves both kinds. A broker that went on with the older one would delete the
// records of all topics that only the newer one has.
func TestABrokerDoesNotStartBesideMetadataOfBothKinds(t *testing.T) {
	dir, other := produced(t), produced(t, "use_wal_metadata=false")
	if err := os.CopyFS(filepath.Join(dir, "metadata"), os.DirFS(filepath.Join(other, "metadata"))); err != nil {
		t.Fatal(err)
	}
	for _, wal := range []string{"true", "false"} {
		refuses(t, config(t, dir, "use_wal_metadata="+wal), "holds metadata of both kinds", "metadata migrate")
	}
}
