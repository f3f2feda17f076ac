package metadata

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// dumpVersion is the version of the JSON form. Its field names are stable within a version.
const dumpVersion = 1

type dump struct {
	Version        int              `json:"version"`
	Index          uint64           `json:"index"`
	ClusterID      string           `json:"cluster_id"`
	NextProducerID int64            `json:"next_producer_id"`
	Features       map[string]int16 `json:"features,omitempty"`
	FeaturesEpoch  uint64           `json:"features_epoch,omitempty"`
	Restored       bool             `json:"restored,omitempty"`
	Brokers        []dumpedBroker   `json:"brokers"`
	Topics         []dumpedTopic    `json:"topics"`
	Configs        []dumpedConfigs  `json:"configs"`
}

type dumpedBroker struct {
	ID          int32  `json:"id"`
	Incarnation string `json:"incarnation"` // hexadecimal
	Epoch       int64  `json:"epoch"`
	Rack        string `json:"rack,omitempty"`
	Fenced      bool   `json:"fenced"`
	// Brokers of a cluster have these as well.
	ShuttingDown bool                  `json:"shutting_down,omitempty"`
	Endpoints    []dumpedEndpoint      `json:"endpoints,omitempty"`
	Features     map[string]LevelRange `json:"features,omitempty"`
}

type dumpedEndpoint struct {
	Listener string `json:"listener"`
	Host     string `json:"host"`
	Port     int32  `json:"port"`
}

type dumpedTopic struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"` // as Kafka prints it
	Configs    map[string]string `json:"configs,omitempty"`
	Partitions []dumpedPartition `json:"partitions"`
}

type dumpedPartition struct {
	Replicas    []int32 `json:"replicas"`
	ISR         []int32 `json:"isr"`
	Leader      int32   `json:"leader"`
	LeaderEpoch int32   `json:"leader_epoch"`
	Version     int32   `json:"version"`
	Adding      []int32 `json:"adding,omitempty"` // by a reassignment under way
	Removing    []int32 `json:"removing,omitempty"`
}

// dumpedConfigs is the configs of a broker, a group or a client metrics subscription; a topic's stand with it.
type dumpedConfigs struct {
	Type    string            `json:"type"`
	Name    string            `json:"name"`
	Configs map[string]string `json:"configs"`
}

var resourceNames = map[ResourceType]string{
	ResourceTopic: "topic", ResourceBroker: "broker", ResourceClientMetrics: "client-metrics", ResourceGroup: "group",
}

// String returns the resource type's name, as Kafka's kafka-configs tool has it in the singular.
func (t ResourceType) String() string {
	if name, ok := resourceNames[t]; ok {
		return name
	}
	return fmt.Sprintf("resource type %d", int8(t))
}

// Dump writes the image as JSON for people and scripts, one broker, topic or resource a line.
func Dump(w io.Writer, img *Image) error {
	out := &jsonLines{w: bufio.NewWriterSize(w, 64<<10)}
	out.printf("{\n")
	out.field("version", dumpVersion)
	out.field("index", img.index)
	out.field("cluster_id", img.clusterID)
	out.field("next_producer_id", img.nextProducerID)
	if len(img.features) > 0 {
		out.field("features", img.features)
		out.field("features_epoch", img.featuresEpoch)
	}
	if img.restored {
		out.field("restored", true)
	}
	list(out, "brokers", img.Brokers(), func(b *Broker) any {
		d := dumpedBroker{
			b.ID, hex.EncodeToString(b.Incarnation[:]), b.Epoch, b.Rack, b.Fenced, b.ShuttingDown, nil, b.Features,
		}
		for _, e := range b.Endpoints {
			d.Endpoints = append(d.Endpoints, dumpedEndpoint(e))
		}
		return d
	})
	out.printf(",\n")
	list(out, "configs", img.configResources(), func(key string) any {
		t, name := splitConfigKey(key)
		return dumpedConfigs{t.String(), name, img.Configs(t, name)}
	})
	out.printf(",\n")
	list(out, "topics", img.Topics(), func(t *Topic) any {
		d := dumpedTopic{t.Name, t.ID.String(), t.Configs, make([]dumpedPartition, len(t.Partitions))}
		for n, p := range t.Partitions {
			d.Partitions[n] = dumpedPartition(p)
		}
		return d
	})
	out.printf("\n}\n")
	if out.err != nil {
		return out.err
	}
	return out.w.Flush()
}

// configResources yields the keys of all resources that have configs, but topics.
func (i *Image) configResources() iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range i.configs.from("") {
			if !yield(key) {
				return
			}
		}
	}
}

// jsonLines writes JSON piece by piece and remembers the first error.
type jsonLines struct {
	w   *bufio.Writer
	err error
}

func (j *jsonLines) printf(format string, args ...any) {
	if j.err == nil {
		_, j.err = fmt.Fprintf(j.w, format, args...)
	}
}

func (j *jsonLines) value(v any) {
	text, err := json.Marshal(v)
	if j.err == nil {
		j.err = err
	}
	j.printf("%s", text)
}

func (j *jsonLines) field(name string, v any) {
	j.printf("  %q: ", name)
	j.value(v)
	j.printf(",\n")
}

func list[T any](j *jsonLines, name string, items iter.Seq[T], form func(T) any) {
	j.printf("  %q: [", name)
	separator := "\n    "
	for item := range items {
		j.printf("%s", separator)
		j.value(form(item))
		separator = ",\n    "
	}
	j.printf("\n  ]")
}

// ParseDump reads what Dump has written; people may have edited it. A newer version is
// fault.UnsupportedVersion; all else that is wrong is ErrCorrupt.
func ParseDump(r io.Reader) (*Image, error) {
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	var d dump
	if err := in.Decode(&d); err != nil {
		return nil, fmt.Errorf("%w: at byte %d: %w", ErrCorrupt, in.InputOffset(), err)
	}
	if d.Version != dumpVersion {
		return nil, fault.New(fault.UnsupportedVersion, "metadata dump in version %d, known is %d",
			d.Version, dumpVersion)
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: something follows at byte %d", ErrCorrupt, in.InputOffset())
	}
	img, err := d.image()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return img, nil
}

func (d *dump) image() (*Image, error) {
	if d.NextProducerID < 0 {
		return nil, fmt.Errorf("next producer id %d", d.NextProducerID)
	}
	l := NewLoader()
	l.header = &headerFields{d.Index, d.ClusterID, d.NextProducerID, d.Features, d.FeaturesEpoch, d.Restored}
	for _, b := range d.Brokers {
		broker := &Broker{
			ID: b.ID, Epoch: b.Epoch, Rack: b.Rack, Fenced: b.Fenced, ShuttingDown: b.ShuttingDown,
			Features: b.Features,
		}
		for _, e := range b.Endpoints {
			broker.Endpoints = append(broker.Endpoints, Endpoint(e))
		}
		if err := fixed(broker.Incarnation[:], b.Incarnation, hex.DecodeString); err != nil {
			return nil, fmt.Errorf("incarnation of broker %d: %w", b.ID, err)
		}
		if err := l.addBroker(broker); err != nil {
			return nil, err
		}
	}
	for _, t := range d.Topics {
		topic := &Topic{Name: t.Name, Configs: t.Configs, Partitions: make([]Partition, len(t.Partitions))}
		if err := fixed(topic.ID[:], t.ID, base64.RawURLEncoding.DecodeString); err != nil {
			return nil, fmt.Errorf("id of topic %q: %w", t.Name, err)
		}
		for n, p := range t.Partitions {
			topic.Partitions[n] = Partition(p)
		}
		if err := l.addTopic(topic); err != nil {
			return nil, err
		}
	}
	for _, c := range d.Configs {
		if err := l.addConfigs(resourceType(c.Type), c.Name, c.Configs); err != nil {
			return nil, err
		}
	}
	return l.Image()
}

// resourceType returns the type of that name, 0 for none.
func resourceType(name string) ResourceType {
	for t, n := range resourceNames {
		if n == name {
			return t
		}
	}
	return 0
}

// fixed decodes text into all of dst.
func fixed(dst []byte, text string, decode func(string) ([]byte, error)) error {
	got, err := decode(text)
	if err != nil {
		return err
	}
	if len(got) != len(dst) {
		return fmt.Errorf("%q has %d bytes instead of %d", text, len(got), len(dst))
	}
	copy(dst, got)
	return nil
}
