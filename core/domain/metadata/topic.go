// Package metadata is the cluster's metadata: brokers, topics with their partitions, configs, features and producer
// ids. It has three parts: an Image, which is all of it at one moment and never changes; Commands, which ask for a
// change; and Apply, which decides a command against an image and returns the next one.
//
// Apply is deterministic. Every node applies the same commands in the same order and so arrives at the same image,
// whatever store or log has carried the commands. Anything that depends on chance, time or a node's configuration must
// therefore be in the command. Rules about metadata, such as placement of replicas, leader election and validation of
// configs, are in this package only, and follow Kafka's controller, its error codes and its messages.
//
// An image is stored as entities: a header, and one entity per topic, broker and resource with configs. Touched names
// the entities that a command may have changed, so that a store writes only these. Snapshots and the JSON dump are made
// of the whole image. All encodings have versions; data of a newer version is refused rather than read in part.
package metadata

import (
	"encoding/base64"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// TopicID is a topic's unique id (KIP-516); a topic that is created again under an old name gets a new one.
type TopicID [16]byte

// String returns the id as Kafka prints it: URL-safe base64 without padding.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseTopicID reads what String prints.
func ParseTopicID(text string) (TopicID, error) {
	var id TopicID
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != len(id) {
		return id, fault.New(fault.InvalidRequest, "%q is not a topic id", text)
	}
	copy(id[:], raw)
	return id, nil
}

// IsZero reports whether the id is the all-zero one that stands for "none".
func (id TopicID) IsZero() bool { return id == TopicID{} }

// Topic is one topic. Values in an Image are shared: they must not be changed.
type Topic struct {
	Name       string            `cbor:"1,keyasint"`
	ID         TopicID           `cbor:"2,keyasint"`
	Partitions []Partition       `cbor:"3,keyasint"` // indexed by partition number
	Configs    map[string]string `cbor:"4,keyasint"` // what was set for the topic itself, by Kafka's keys
}

// Partition is the state of one partition in the cluster: where its replicas are, which are in sync and which leads.
type Partition struct {
	Replicas    []int32 `cbor:"1,keyasint"` // broker ids, the preferred leader first
	ISR         []int32 `cbor:"2,keyasint"` // in-sync replicas
	Leader      int32   `cbor:"3,keyasint"` // broker id, -1 for none
	LeaderEpoch int32   `cbor:"4,keyasint"`
	Version     int32   `cbor:"5,keyasint"` // incremented by every change; Kafka's partition epoch
	// Adding and Removing are those of Replicas that the ongoing reassignment adds and removes (KIP-455). A replica in
	// both was added by a reassignment that another one has replaced.
	Adding   []int32 `cbor:"6,keyasint,omitempty"`
	Removing []int32 `cbor:"7,keyasint,omitempty"`
}

// ResourceType is what a config belongs to, numbered as in Kafka's protocol.
type ResourceType int8

// The resources whose configs metadata keeps.
const (
	ResourceTopic         ResourceType = 2
	ResourceBroker        ResourceType = 4 // name: broker id, "" for the cluster-wide default
	ResourceClientMetrics ResourceType = 16
	ResourceGroup         ResourceType = 32
)
