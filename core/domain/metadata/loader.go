package metadata

import (
	"errors"
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Loader builds one Image from its encoded entities. It is not safe for concurrent use.
type Loader struct {
	header   *headerFields
	img      Image
	replicas replicaSets
}

// NewLoader returns a Loader without any entity.
func NewLoader() *Loader { return &Loader{replicas: replicaSets{}} }

// Add adds an entity. The order does not matter, and value may be reused afterwards. The error is
// fault.UnsupportedVersion for a kind or version that this program does not know, and ErrCorrupt for a damaged entity.
func (l *Loader) Add(e Entity, value []byte) error {
	if len(e) == 0 || len(value) == 0 {
		return fmt.Errorf("%w: entity %q of %d bytes", ErrCorrupt, string(e), len(value))
	}
	if value[0] != entityVersion {
		return fault.New(fault.UnsupportedVersion, "metadata entity %q in version %d, known is %d",
			string(e), value[0], entityVersion)
	}
	var err error
	switch what, key := split(e); what {
	case entityHeader:
		err = l.addHeader(value[1:])
	case entityTopic:
		err = l.decodeTopic(key, value[1:])
	case entityBroker:
		err = l.decodeBroker(key, value[1:])
	case entityConfig:
		err = l.decodeConfigs(key, value[1:])
	default:
		return fault.New(fault.UnsupportedVersion, "metadata entity %q of unknown kind: a newer version wrote it",
			string(e))
	}
	if err != nil {
		return fmt.Errorf("%w: entity %q: %w", ErrCorrupt, string(e), err)
	}
	return nil
}

// Image returns the image of the added entities. The error is ErrCorrupt when the header is missing.
func (l *Loader) Image() (*Image, error) {
	if l.header == nil {
		return nil, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	img := l.img
	img.index = l.header.Index
	img.clusterID = l.header.ClusterID
	img.nextProducerID = l.header.NextProducerID
	img.features = l.header.Features
	img.featuresEpoch = l.header.FeaturesEpoch
	img.restored = l.header.Restored
	return &img, nil
}

func (l *Loader) addHeader(value []byte) error {
	if l.header != nil {
		return errors.New("a second header")
	}
	var h headerFields
	if err := decoding.Unmarshal(value, &h); err != nil {
		return err
	}
	if h.NextProducerID < 0 {
		return fmt.Errorf("next producer id %d", h.NextProducerID)
	}
	l.header = &h
	return nil
}

func (l *Loader) decodeTopic(key string, value []byte) error {
	t := new(Topic)
	if err := decoding.Unmarshal(value, t); err != nil {
		return err
	}
	if key != string(t.ID[:]) {
		return fmt.Errorf("topic %q has id %v", t.Name, t.ID)
	}
	return l.addTopic(t)
}

// addTopic adds t, of which it takes ownership, and lets its partitions share equal lists of replicas with others.
func (l *Loader) addTopic(t *Topic) error {
	if err := ValidateTopicName(t.Name); err != nil {
		return err
	}
	if len(t.Partitions) == 0 || t.ID.IsZero() {
		return fmt.Errorf("topic %q has %d partitions and id %v", t.Name, len(t.Partitions), t.ID)
	}
	for n := range t.Partitions {
		p := &t.Partitions[n]
		if len(p.Replicas) == 0 {
			return fmt.Errorf("partition %s-%d has no replicas", t.Name, n)
		}
		p.Replicas, p.ISR = l.replicas.of(p.Replicas), l.replicas.of(p.ISR)
		p.Adding, p.Removing = l.replicas.of(p.Adding), l.replicas.of(p.Removing)
	}
	if len(t.Configs) == 0 {
		t.Configs = nil
	}
	fresh := add(&l.img.topics, t.Name, t)
	fresh = add(&l.img.topicIDs, string(t.ID[:]), t.Name) && fresh
	if key, may := collisionKey(t.Name); may {
		fresh = add(&l.img.collisions, key, t.Name) && fresh
	}
	if !fresh {
		return fmt.Errorf("topic %q with id %v occurs twice, or collides with another", t.Name, t.ID)
	}
	l.img.partitions += len(t.Partitions)
	return nil
}

func (l *Loader) decodeBroker(key string, value []byte) error {
	b := new(Broker)
	if err := decoding.Unmarshal(value, b); err != nil {
		return err
	}
	if key != brokerKey(b.ID) {
		return fmt.Errorf("broker has id %d", b.ID)
	}
	return l.addBroker(b)
}

func (l *Loader) addBroker(b *Broker) error {
	if b.ID < 0 {
		return fmt.Errorf("broker id %d is negative", b.ID)
	}
	if !add(&l.img.brokers, brokerKey(b.ID), b) {
		return fmt.Errorf("broker %d occurs twice", b.ID)
	}
	return nil
}

func (l *Loader) decodeConfigs(key string, value []byte) error {
	var set map[string]string
	if err := decoding.Unmarshal(value, &set); err != nil {
		return err
	}
	if len(key) == 0 {
		return errors.New("configs of no resource")
	}
	t, name := splitConfigKey(key)
	return l.addConfigs(t, name, set)
}

func (l *Loader) addConfigs(t ResourceType, name string, set map[string]string) error {
	if _, known := resourceNames[t]; !known || t == ResourceTopic || len(set) == 0 {
		return fmt.Errorf("%d configs of resource %d %q", len(set), t, name)
	}
	if !add(&l.img.configs, configKey(t, name), set) {
		return fmt.Errorf("configs of resource %d %q occur twice", t, name)
	}
	return nil
}

// add puts a value into an index and reports whether the key is new.
func add[T any](x *index[T], key string, value T) bool {
	_, there := x.get(key)
	*x = x.set(key, value)
	return !there
}
