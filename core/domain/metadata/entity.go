package metadata

import (
	"fmt"
	"iter"
)

// Entity is the key of a part of an Image that is stored on its own: the header (the image's single values), a topic, a
// broker, or the configs of one resource.
type Entity string

// The first byte of an Entity says what it is.
const (
	entityHeader byte = 'h'
	entityTopic  byte = 't' // and the topic's id
	entityBroker byte = 'b' // and the broker's id
	entityConfig byte = 'c' // and the resource's type and name
)

const header = Entity(entityHeader)

// entityVersion is the first byte of every encoded entity.
const entityVersion = 1

type headerFields struct {
	Index          uint64           `cbor:"1,keyasint"`
	ClusterID      string           `cbor:"2,keyasint"`
	NextProducerID int64            `cbor:"3,keyasint"`
	Features       map[string]int16 `cbor:"4,keyasint,omitempty"`
	FeaturesEpoch  uint64           `cbor:"5,keyasint,omitempty"`
	Restored       bool             `cbor:"6,keyasint,omitempty"`
}

func topicEntity(id TopicID) Entity       { return entity(entityTopic, string(id[:])) }
func brokerEntity(id int32) Entity        { return entity(entityBroker, brokerKey(id)) }
func configEntity(key string) Entity      { return entity(entityConfig, key) }
func entity(what byte, key string) Entity { return Entity(string([]byte{what}) + key) }
func split(e Entity) (byte, string)       { return e[0], string(e[1:]) }

// Touched returns the entities that may differ between after, which is the image that cmd has just produced, and the
// image before it. The header is always among them.
func Touched(after *Image, cmd Command) []Entity {
	switch cmd := cmd.(type) {
	case RegisterBroker:
		return touchedByBroker(after, cmd.ID)
	case FenceBroker:
		return touchedByBroker(after, cmd.ID)
	case UnfenceBroker:
		return touchedByBroker(after, cmd.ID)
	case ShutDownBroker:
		return touchedByBroker(after, cmd.ID)
	case UnregisterBroker:
		return touchedByBroker(after, cmd.ID)
	case AlterPartition:
		return []Entity{header, topicEntity(cmd.TopicID)}
	case ElectLeader:
		return []Entity{header, topicEntity(cmd.TopicID)}
	case AlterReassignment:
		return []Entity{header, topicEntity(cmd.TopicID)}
	case CreateTopic:
		return []Entity{header, topicEntity(cmd.ID)}
	case DeleteTopic:
		return []Entity{header, topicEntity(cmd.ID)}
	case CreatePartitions:
		if t, ok := after.Topic(cmd.Topic); ok {
			return []Entity{header, topicEntity(t.ID)}
		}
	case AlterConfigs:
		if t, ok := after.Topic(cmd.Name); ok && cmd.Type == ResourceTopic {
			return []Entity{header, topicEntity(t.ID)}
		}
		return []Entity{header, configEntity(configKey(cmd.Type, cmd.Name))}
	}
	return []Entity{header}
}

// touchedByBroker returns the header, the broker, and the topics that the command about the broker has changed.
func touchedByBroker(after *Image, id int32) []Entity {
	touched := make([]Entity, 0, 2+len(after.changed))
	touched = append(touched, header, brokerEntity(id))
	for _, t := range after.changed {
		touched = append(touched, topicEntity(t.ID))
	}
	return touched
}

// Entities yields all entities of the image, the header first, in an order that equal images share.
func (i *Image) Entities() iter.Seq[Entity] {
	return func(yield func(Entity) bool) {
		if !yield(header) {
			return
		}
		for key := range i.brokers.from("") {
			if !yield(entity(entityBroker, key)) {
				return
			}
		}
		for key := range i.configs.from("") {
			if !yield(configEntity(key)) {
				return
			}
		}
		for key := range i.topicIDs.from("") {
			if !yield(entity(entityTopic, key)) {
				return
			}
		}
	}
}

// EncodeEntity returns the encoded entity. ok is false when the image does not have it, as after a deletion.
func (i *Image) EncodeEntity(e Entity) (value []byte, ok bool, err error) {
	part, ok := i.part(e)
	if !ok {
		return nil, false, nil
	}
	value, err = encoding.Marshal(part)
	if err != nil {
		return nil, false, fmt.Errorf("encode metadata entity %q: %w", string(e), err)
	}
	return append([]byte{entityVersion}, value...), true, nil
}

func (i *Image) part(e Entity) (part any, ok bool) {
	switch what, key := split(e); what {
	case entityHeader:
		return headerFields{
			Index:          i.index,
			ClusterID:      i.clusterID,
			NextProducerID: i.nextProducerID,
			Features:       i.features,
			FeaturesEpoch:  i.featuresEpoch,
			Restored:       i.restored,
		}, true
	case entityTopic:
		return i.topicByKey(key)
	case entityBroker:
		return i.brokers.get(key)
	case entityConfig:
		return i.configs.get(key)
	}
	return nil, false
}
