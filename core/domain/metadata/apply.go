package metadata

import (
	"maps"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Apply decides cmd against img. If cmd is allowed, it returns the next image and the command's result; img itself
// never changes. If a rule forbids cmd, it returns img and a *fault.Error.
func Apply(img *Image, cmd Command) (*Image, Result, error) {
	before := *img
	before.changed = nil
	next, res, err := decide(&before, cmd)
	if err != nil {
		return img, Result{}, err
	}
	next.index = img.index + 1
	res.Index = next.index
	return next, res, nil
}

// decide returns a copy of img with cmd's effect. Apply sets its index.
func decide(img *Image, cmd Command) (*Image, Result, error) {
	switch cmd := cmd.(type) {
	case InitCluster:
		return initCluster(img, cmd)
	case RegisterBroker:
		return registerBroker(img, cmd)
	case FenceBroker:
		return fenceBroker(img, cmd)
	case UnfenceBroker:
		return unfenceBroker(img, cmd)
	case ShutDownBroker:
		return shutDownBroker(img, cmd)
	case UnregisterBroker:
		return unregisterBroker(img, cmd)
	case CreateTopic:
		return createTopic(img, cmd)
	case DeleteTopic:
		return deleteTopic(img, cmd)
	case CreatePartitions:
		return createPartitions(img, cmd)
	case AlterPartition:
		return alterPartition(img, cmd)
	case ElectLeader:
		return electLeader(img, cmd)
	case AlterReassignment:
		return alterReassignment(img, cmd)
	case AlterConfigs:
		return alterConfigs(img, cmd)
	case UpdateFeature:
		return updateFeature(img, cmd)
	case AllocateProducerIDs:
		return allocateProducerIDs(img, cmd)
	default:
		return nil, Result{}, fault.New(fault.UnsupportedVersion, "unknown metadata command %T", cmd)
	}
}

func initCluster(img *Image, cmd InitCluster) (*Image, Result, error) {
	if cmd.ClusterID == "" {
		return nil, Result{}, fault.New(fault.InvalidRequest, "the cluster id is empty")
	}
	if err := checkText(slices.Collect(maps.Keys(cmd.Features))...); err != nil {
		return nil, Result{}, err
	}
	if err := checkText(cmd.ClusterID); err != nil {
		return nil, Result{}, err
	}
	next := *img
	if next.clusterID == "" {
		next.clusterID = cmd.ClusterID
		if len(cmd.Features) > 0 {
			next.features, next.featuresEpoch = maps.Clone(cmd.Features), img.index+1
		}
	}
	return &next, Result{}, nil
}

func createTopic(img *Image, cmd CreateTopic) (*Image, Result, error) {
	if err := checkNewTopic(img, cmd); err != nil {
		return nil, Result{}, err
	}
	if err := validateConfigs(ResourceTopic, cmd.Name, cmd.Configs); err != nil {
		return nil, Result{}, err
	}
	partitions, err := newTopicPartitions(img, cmd)
	if err != nil {
		return nil, Result{}, err
	}
	t := &Topic{Name: cmd.Name, ID: cmd.ID, Partitions: partitions}
	if len(cmd.Configs) > 0 {
		t.Configs = maps.Clone(cmd.Configs)
	}
	return img.withTopic(t), Result{Topic: t}, nil
}

func deleteTopic(img *Image, cmd DeleteTopic) (*Image, Result, error) {
	t, ok := img.TopicByID(cmd.ID)
	if !ok {
		return nil, Result{}, fault.New(fault.UnknownTopicID, "This server does not host this topic ID.")
	}
	return img.withoutTopic(t), Result{}, nil
}

func createPartitions(img *Image, cmd CreatePartitions) (*Image, Result, error) {
	old, ok := img.Topic(cmd.Topic)
	if !ok {
		return nil, Result{}, fault.UnknownTopicOrPartition // without a message, as in Kafka
	}
	more, err := addedPartitions(img, old, cmd)
	if err != nil {
		return nil, Result{}, err
	}
	t := *old
	t.Partitions = slices.Concat(old.Partitions, more)
	return img.withTopic(&t), Result{Topic: &t}, nil
}

func allocateProducerIDs(img *Image, cmd AllocateProducerIDs) (*Image, Result, error) {
	if cmd.Count < 1 {
		return nil, Result{}, fault.New(fault.InvalidRequest, "%d producer ids asked for", cmd.Count)
	}
	if img.nextProducerID > math.MaxInt64-cmd.Count {
		return nil, Result{}, fault.New(fault.Unknown, "Exhausted all producerIds as the next block's end producerId "+
			"has exceeded the int64 type limit")
	}
	next := *img
	next.nextProducerID += cmd.Count
	return &next, Result{ProducerIDs: Block{First: img.nextProducerID, Count: cmd.Count}}, nil
}

// maxText is the longest string that Kafka's protocol can carry, in bytes.
const maxText = 32767

// checkText refuses texts that Kafka's protocol or the encodings of the stores cannot carry.
func checkText(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxText {
			return fault.New(fault.InvalidRequest, "a string of %d bytes, allowed %d", len(text), maxText)
		}
		if !utf8.ValidString(text) {
			return fault.New(fault.InvalidRequest, "%q is not UTF-8", text)
		}
	}
	return nil
}

// checkNewTopic checks the new topic's name and id, with Kafka's messages.
func checkNewTopic(img *Image, cmd CreateTopic) error {
	if _, ok := img.Topic(cmd.Name); ok {
		return fault.New(fault.TopicExists, "Topic '%s' already exists.", cmd.Name)
	}
	if err := ValidateTopicName(cmd.Name); err != nil {
		return err
	}
	if key, may := collisionKey(cmd.Name); may {
		if other, ok := img.collisions.get(key); ok {
			return fault.New(fault.InvalidTopic, "Topic '%s' collides with existing topic: %s", cmd.Name, other)
		}
	}
	if cmd.ID.IsZero() {
		return fault.New(fault.InvalidRequest, "topic '%s' has no id", cmd.Name)
	}
	if other, ok := img.TopicByID(cmd.ID); ok {
		return fault.New(fault.InvalidRequest, "topic id %v of '%s' is that of '%s'", cmd.ID, cmd.Name, other.Name)
	}
	return nil
}
