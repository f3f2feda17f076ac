package configs

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chronik.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, s Sources) *Config {
	t.Helper()
	c, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEachSourceHasPrecedenceOverThoseBefore(t *testing.T) {
	path := writeFile(t,
		"data_dir = 'file'\nmemory = '64MiB'\nlog_level = 'warn'\n[kafka]\n\"num.partitions\" = 2\nlog.roll.ms = 7\n")
	environ := []string{
		"CHRONIK_DATA_DIR=environment", "CHRONIK_MEMORY=128MiB", "CHRONIK_KAFKA__NUM_PARTITIONS=3", "PATH=/bin",
	}
	c := load(t, Sources{File: path, Environ: environ, Flags: []Assignment{{"data_dir", "flag", "--data-dir"}}})

	if c.DataDir != "flag" || c.Memory != 128<<20 || c.LogLevel != slog.LevelWarn || c.Flush != "sync" {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff(c.Kafka, map[string]string{"num.partitions": "3", "log.roll.ms": "7"}); diff != "" {
		t.Errorf("kafka: %s", diff)
	}
	for key, want := range map[string]Origin{
		"data_dir": "flag --data-dir", "memory": "environment variable CHRONIK_MEMORY",
		"log_level": Origin("file " + path), "flush": FromDefault,
		"kafka.num.partitions": "environment variable CHRONIK_KAFKA__NUM_PARTITIONS",
		"kafka.log.roll.ms":    Origin("file " + path),
	} {
		if got := c.origins[key]; got != want {
			t.Errorf("%s is from %q, want %q", key, got, want)
		}
	}
}

func TestEveryKeyCanBeSetInTheEnvironment(t *testing.T) {
	for _, s := range settings {
		if got := keyOfVariable(variableOfKey(s.name), ""); got != s.name {
			t.Errorf("%s sets %q, want %q", variableOfKey(s.name), got, s.name)
		}
	}
	c := load(t,
		Sources{
			Environ: []string{
				"CHRONIK_METADATA__WAL__CHECKPOINT__INTERVAL_RECORDS=7", "CHRONIK_CLUSTER__PEERS=1@a:1@a:2,2@b:1@b:2",
			},
		})
	if c.WAL.CheckpointIntervalRecords != 7 || !c.Clustered() {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff(c.Cluster.Peers, []Peer{{1, "a:1", "a:2"}, {2, "b:1", "b:2"}}); diff != "" {
		t.Error(diff)
	}
}

func TestVariablesThatOthersSetAreLeftAlone(t *testing.T) {
	environ := []string{
		"CHRONIK_CONFIG=x.toml", "CHRONIK_SERVICE_HOST=10.0.0.1", "CHRONIK_PORT=tcp://10.0.0.1:9092",
		"CHRONIK_PORT_9092_TCP_ADDR=10.0.0.1",
		"CHRONIK_BOOTSTRAP_SERVICE_HOST=10.0.0.2", "CHRONIK_BOOTSTRAP_SERVICE_PORT=9092",
		"CHRONIK_BOOTSTRAP_SERVICE_PORT_KAFKA_CLIENTS=9092", "CHRONIK_0_PORT=tcp://10.0.0.3:9092",
		"CHRONIK_0_PORT_9092_TCP=tcp://10.0.0.3:9092", "CHRONIK_0_PORT_9092_TCP_ADDR=10.0.0.3",
		"CHRONIK_0_PORT_9092_TCP_PORT=9092", "CHRONIK_0_PORT_9092_TCP_PROTO=tcp",
		"CHRONIK_MY_OWN_PORT_53_UDP_PORT=53",
	}
	if got, want := load(t, Sources{Environ: environ}), load(t, Sources{}); len(got.Changes(want)) > 0 {
		t.Errorf("they change %v", got.Changes(want))
	}
}

func TestAMistypedVariableIsNotTakenForThatOfAService(t *testing.T) {
	for _, name := range []string{
		"CHRONIK_SERVICE", "CHRONIK_SERVICE_HOSTS", "CHRONIK_HTTP_PORT", "CHRONIK_HTTP__PORT", "CHRONIK_LISTEN_PORTS",
		"CHRONIK_PORT_9092", "CHRONIK_PORT_9092_TCP_NAME", "CHRONIK_KAFKA__PORT", "CHRONIK_CLUSTER__SERVICE_HOST",
		"CHRONIK_BOOTSTRAP_SERVERS",
	} {
		if _, err := Load(Sources{Environ: []string{name + "=1"}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: Load() = %v", name, err)
		}
	}
}

func TestListenersRepeatAndHaveNames(t *testing.T) {
	c := load(t, Sources{Flags: []Assignment{
		{"listen", ":9092", "--listen"},
		{"listen", "OUT=[::1]:19092", "--listen"},
		{"advertised_addr", "OUT=example.com:443", "--advertised-addr"},
	}})
	if diff := cmp.Diff(c.Listen, []Listener{{"PLAINTEXT", ":9092"}, {"OUT", "[::1]:19092"}}); diff != "" {
		t.Error(diff)
	}
	if in, out := c.AdvertisedFor("PLAINTEXT"), c.AdvertisedFor("OUT"); in != "" || out != "example.com:443" {
		t.Errorf("advertised %q and %q", in, out)
	}
}

func TestTheErrorForAnUnknownKeyNamesEverySection(t *testing.T) {
	_, err := Load(Sources{Flags: []Assignment{{"disc.reserve", "64MiB", "--set"}}})
	if err == nil {
		t.Fatal("the key was taken")
	}
	for _, s := range settings {
		if s.section() != "" && !strings.Contains(err.Error(), "["+s.section()+"]") {
			t.Errorf("[%s] is missing: %v", s.section(), err)
		}
	}
	if !strings.Contains(err.Error(), "[kafka]") {
		t.Errorf("[kafka] is missing: %v", err)
	}
}

func TestWrongSettingsAreNamedWithSourceAndWhatIsAllowed(t *testing.T) {
	for name, test := range map[string]struct {
		file, environ, key, value string
		want                      []string
	}{
		"unknown key": {
			file: "dat_dir = 'x'", want: []string{`unknown key dat_dir = "x" (file `, "data_dir, listen"},
		},
		"in a section": {
			file: "[metadata.wal]\nsegment = 1",
			want: []string{"unknown key metadata.wal.segment = 1", "in [metadata.wal] there are segment_size"},
		},
		"unknown section": {
			file: "[metadata.wall]\nsegment_size = 1", want: []string{"unknown key metadata.wall.segment_size = 1"},
		},
		"empty section": {file: "[clusters]", want: []string{"unknown key clusters"}},
		"unknown variable": {
			environ: "CHRONIK_DATADIR=x",
			want:    []string{`unknown key datadir = "x" (environment variable CHRONIK_DATADIR)`},
		},
		"unknown flag key": {key: "nope", value: "1", want: []string{`unknown key nope = "1" (flag --set)`}},
		"wrong choice": {
			key: "flush", value: "never",
			want: []string{`flush = "never" (flag --set): allowed: "sync", "interval", "os"`},
		},
		"number too large": {
			file: "journal.max_files = 65", want: []string{"journal.max_files = 65 (file ", "allowed: 2 to 64"},
		},
		"not a number": {
			environ: "CHRONIK_FLUSH_INTERVAL_MS=soon",
			want:    []string{`flush_interval_ms = "soon"`, "allowed: 1 to 3600000 (milliseconds)"},
		},
		"size without sense": {key: "memory", value: "1 elephant", want: []string{"allowed: 32MiB to 1024GiB"}},
		"memory overflows":   {key: "memory", value: "9223372036854775807GiB", want: []string{"allowed: 32MiB"}},
		"not a boolean":      {key: "use_wal_metadata", value: "yes", want: []string{"allowed: true, false"}},
		"never true": {
			key: "metadata.wal.rotation.coordinate_with_storage", value: "true", want: []string{"allowed: false"},
		},
		"no port":        {key: "listen", value: "localhost", want: []string{`listen = "localhost"`, "host:port"}},
		"listener twice": {key: "listen", value: ":1,:2", want: []string{"each name once"}},
		"no such listener": {
			key: "advertised_addr", value: "OUT=example.com:1", want: []string{"there is no listener OUT in listen"},
		},
		"no host advertised": {
			key: "advertised_addr", value: ":9092", want: []string{"clients need a host and a port"},
		},
		"a table as text": {file: "[flush]\nx = 1", want: []string{"unknown key flush.x"}},
		"a peer with less": {
			file: "[[cluster.peers]]\nid = 1\nkafka = 'a:1'",
			want: []string{"cluster.peers = ", "[[cluster.peers]] with id"},
		},
		"peer twice": {key: "cluster.peers", value: "1@a:1@a:2,1@b:1@b:2", want: []string{"cluster.peers"}},
		"no peer is this node": {
			file: "[cluster]\nnode_id = 4\n[[cluster.peers]]\nid = 1\nkafka = 'a:1'\nraft = 'a:2'",
			want: []string{"cluster.node_id = 4 (file ", "cluster.peers names only nodes [1]"},
		},
		"a copied peer": {
			key: "cluster.peers", value: "1@a:1@a:2,2@b:1@a:2",
			want: []string{"cluster.peers (flag --set)", "a:2 is given twice, for node 1 and for node 2"},
		},
		"raft before kafka": {
			file: "listen = 'a:9092'\n[cluster]\nnode_id = 1\n[[cluster.peers]]\nid = 1\nkafka = 'a:9192'\n" +
				"raft = 'a:9092'",
			want: []string{"cluster.peers (file ", "node 1 has the raft address a:9092", "the order is id@kafka@raft"},
		},
		"no url": {
			key: "telemetry.otlp_endpoint", value: "localhost:4318", want: []string{"allowed: a URL"},
		},
		"unknown kafka key": {
			key: "kafka.num.partition", value: "1", want: []string{"kafka.num.partition", "Unknown broker config name"},
		},
		"bad kafka value": {
			key: "kafka.num.partitions", value: "0",
			want: []string{`kafka.num.partitions = "0" (flag --set)`, "at least 1"},
		},
		"kafka's own name": {
			file: "[kafka]\n\"log.dirs\" = '/x'", want: []string{"kafka.log.dirs (file ", "set data_dir instead"},
		},
		"no TOML": {file: "data_dir = ", want: []string{"configuration file "}},
	} {
		t.Run(name, func(t *testing.T) {
			var s Sources
			if test.file != "" {
				s.File = writeFile(t, test.file)
			}
			if test.environ != "" {
				s.Environ = []string{test.environ}
			}
			if test.key != "" {
				s.Flags = []Assignment{{test.key, test.value, "--set"}}
			}
			_, err := Load(s)
			if err == nil {
				t.Fatal("Load() = nil, want an error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := Load(Sources{File: writeFile(t, "flush = 'x'\nlog_level = 'y'\nz = 1\n")})
	for _, key := range []string{"flush", "log_level", "unknown key z"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%q is missing in: %v", key, err)
		}
	}
}

func TestAnEmptyClusterSectionIsOne(t *testing.T) {
	if c := load(t, Sources{File: writeFile(t, "[cluster]\n")}); !c.Clustered() {
		t.Error("Clustered() = false")
	}
	if c := load(t, Sources{File: writeFile(t, "[http]\n")}); c.Clustered() {
		t.Error("Clustered() = true without a cluster section")
	}
}

func TestWhatIsPrintedLoadsAsTheSame(t *testing.T) {
	c := load(t, Sources{Flags: []Assignment{
		{"data_dir", `C:\"data"` + "\t", "--set"},
		{"memory", "65MB", "--set"},
		{"listen", "A=:1", "--set"},
		{"listen", "B=:2", "--set"},
		{"advertised_addr", "B=b:2", "--set"},
		{"metadata.wal.rotation.max_segment_age_ms", "5000", "--set"},
		{"telemetry.trace_sample_ratio", "0.5", "--set"},
		{"cluster.node_id", "2", "--set"},
		{"cluster.peers", "1@a:1@a:2,2@b:1@b:2", "--set"},
		{"kafka.log.retention.hours", "5", "--set"},
	}})
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	again := load(t, Sources{File: writeFile(t, printed.String())})
	if changes := c.Changes(again); len(changes) > 0 {
		t.Errorf("changes after printing and loading: %v\n%s", changes, &printed)
	}
	if c.WAL.RotationMaxSegmentAge != 5*time.Second || !again.Clustered() {
		t.Errorf("got %+v", again)
	}
	if want := `node_id = 2`; !strings.Contains(printed.String(), want) ||
		!strings.Contains(printed.String(), "# flag --set") {
		t.Errorf("%q or its origin is missing in:\n%s", want, &printed)
	}
}

func TestTheNodesIDGoesByKafkasNamesToo(t *testing.T) {
	for name, c := range map[string]struct {
		flags     []Assignment
		want      int64
		clustered bool
		refused   string
	}{
		"none":              {nil, 1, false, ""},
		"Kafka's":           {[]Assignment{{"kafka.node.id", "0", "--set"}}, 0, false, ""},
		"Kafka's older":     {[]Assignment{{"kafka.broker.id", "7", "--set"}}, 7, false, ""},
		"that of a cluster": {[]Assignment{{"cluster.node_id", "0", "--set"}}, 0, false, ""},
		"the same twice": {
			[]Assignment{{"cluster.node_id", "3", "--set"}, {"kafka.node.id", "3", "--set"}}, 3, false, "",
		},
		"in a cluster": {
			[]Assignment{{"cluster.node_id", "0", "--set"}, {"cluster.name", "x", "--set"}}, 0, true, "",
		},
		"with peers": {
			[]Assignment{{"kafka.node.id", "0", "--set"}, {"cluster.peers", "0@a:1@a:2,1@b:1@b:2", "--set"}},
			0, true,
			"",
		},
		"two": {
			[]Assignment{{"cluster.node_id", "3", "--set"}, {"kafka.node.id", "0", "--set"}},
			0, true,
			"the id of this node is 3 already",
		},
		"two of Kafka's": {
			[]Assignment{{"kafka.broker.id", "3", "--set"}, {"kafka.node.id", "4", "--set"}},
			0, false,
			"the id of this node is 3 already",
		},
		"a negative one":        {[]Assignment{{"kafka.broker.id", "-1", "--set"}}, 0, false, "kafka.broker.id"},
		"a negative peer":       {[]Assignment{{"cluster.peers", "-1@a:1@a:2", "--set"}}, 0, false, "cluster.peers"},
		"a negative of ours":    {[]Assignment{{"cluster.node_id", "-1", "--set"}}, 0, false, "cluster.node_id"},
		"one that is no number": {[]Assignment{{"kafka.node.id", "x", "--set"}}, 0, false, "kafka.node.id"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(Sources{Flags: c.flags})
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("got %v, want %q", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Cluster.NodeID != c.want || got.Clustered() != c.clustered {
				t.Errorf("node %d, clustered %t, want %d, %t", got.Cluster.NodeID, got.Clustered(), c.want, c.clustered)
			}
			var printed bytes.Buffer
			if err := got.Print(&printed); err != nil {
				t.Fatal(err)
			}
			if again := load(t, Sources{File: writeFile(t, printed.String())}); again.Cluster.NodeID != c.want ||
				again.Clustered() != c.clustered {
				t.Errorf("printed and loaded: node %d, clustered %t", again.Cluster.NodeID, again.Clustered())
			}
		})
	}
}

func TestANodesIDInAFileIsAClusterSection(t *testing.T) {
	c := load(t, Sources{File: writeFile(t, "[cluster]\nnode_id = 0\n")})
	if !c.Clustered() || c.OnlyNamesNode() {
		t.Errorf("clustered %t, only named %t", c.Clustered(), c.OnlyNamesNode())
	}
	c = load(t, Sources{Environ: []string{"CHRONIK_CLUSTER__NODE_ID=0"}})
	if c.Clustered() || !c.OnlyNamesNode() || c.Cluster.NodeID != 0 {
		t.Errorf("clustered %t, only named %t, node %d", c.Clustered(), c.OnlyNamesNode(), c.Cluster.NodeID)
	}
}

// A server.properties that comes from a Kafka broker may have settings for listeners that this broker does not have.
func TestSettingsOfTLSAndSASLAreTakenWhereAllListenersArePlain(t *testing.T) {
	flags := []Assignment{
		{"kafka.ssl.truststore.location", "/etc/t.jks", "--set"},
		{"kafka.ssl.truststore.password", "hunter2", "--set"},
		{"kafka.sasl.enabled.mechanisms", "PLAIN", "--set"},
		{"kafka.listener.name.internal.ssl.keystore.password", "hunter3", "--set"},
	}
	c := load(t, Sources{Flags: flags})
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if text := printed.String(); strings.Contains(text, "hunter") || !strings.Contains(text, "/etc/t.jks") {
		t.Errorf("printed:\n%s", text)
	}
	if changes := load(t, Sources{}).Changes(c); len(changes) != 4 || strings.Contains(fmt.Sprint(changes), "hunter") {
		t.Errorf("changes: %v", changes)
	}
	for _, name := range []string{"SSL", "SASL_PLAINTEXT", "SASL_SSL"} {
		_, err := Load(Sources{Flags: append(flags, Assignment{"listen", name + "=:9093", "--listen"})})
		if err == nil || !strings.Contains(err.Error(), "all speak PLAINTEXT") {
			t.Errorf("a listener that would seem to speak %s: %v", name, err)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c := load(t, Sources{})
	c.Kafka["ssl.keystore.password"] = "hunter2"
	next := load(t, Sources{})
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(printed.String(), "hunter2") || !strings.Contains(printed.String(), "hidden") {
		t.Errorf("printed:\n%s", &printed)
	}
	if changes := c.Changes(next); len(changes) != 1 || changes[0].From != "hidden" {
		t.Errorf("changes: %v", changes)
	}
}

func TestSamplesLoad(t *testing.T) {
	samples, err := filepath.Glob("*.toml")
	if err != nil || len(samples) < 3 {
		t.Fatalf("samples: %v, %v", samples, err)
	}
	for _, path := range samples {
		t.Run(path, func(t *testing.T) {
			if c := load(t, Sources{File: path}); c.Clustered() != (path == "cluster.toml") {
				t.Errorf("Clustered() = %t", c.Clustered())
			}
		})
	}
}

// FuzzLoadFile: any file is either refused, or its configuration is printed as one that loads as the same.
func FuzzLoadFile(f *testing.F) {
	for _, name := range []string{"standalone.toml", "minimal.toml", "cluster.toml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("memory = 1e9\n[kafka]\na = [1, {}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Load(Sources{File: writeFile(t, text)})
		if err != nil {
			return
		}
		var printed bytes.Buffer
		if err := c.Print(&printed); err != nil {
			t.Fatal(err)
		}
		again, err := Load(Sources{File: writeFile(t, printed.String())})
		if err != nil {
			t.Fatalf("%v\n%s", err, &printed)
		}
		for _, change := range c.Changes(again) {
			if change.From != "hidden" {
				t.Errorf("%s: %s became %s", change.Key, change.From, change.To)
			}
		}
	})
}

func TestTheSampleOfAClusterShowsEveryKeyOfTheSection(t *testing.T) {
	text, err := os.ReadFile("cluster.toml")
	if err != nil {
		t.Fatal(err)
	}
	for i := range settings {
		if s := &settings[i]; s.section() == "cluster" && s.key() != "peers" &&
			!strings.Contains(string(text), "\n"+s.key()+" = ") &&
			!strings.Contains(string(text), "\n# "+s.key()+" = ") {
			t.Errorf("%s is not shown", s.name)
		}
	}
	c := load(t, Sources{File: "cluster.toml", Environ: []string{
		"CHRONIK_CLUSTER__NODE_ID=2", "CHRONIK_CLUSTER__JOIN=true", "CHRONIK_CLUSTER__PEERS=2@b:1@b:2,9@c:1@c:2",
		"CHRONIK_CLUSTER__RAFT_LISTEN=:7",
	}})
	want := []Peer{{2, "b:1", "b:2"}, {9, "c:1", "c:2"}}
	if c.Cluster.NodeID != 2 || !c.Cluster.Join || c.Cluster.RaftListen != ":7" ||
		!slices.Equal(c.Cluster.Peers, want) || c.Cluster.Name != "chronik" {
		t.Errorf("with the environment: %+v", c.Cluster)
	}
}
