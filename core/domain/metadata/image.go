package metadata

import "iter"

// Image is the whole metadata at one moment. It never changes: Apply makes a new one that shares
// what stayed the same. The zero Image is empty.
type Image struct {
	index uint64
}

// Index is the number of commands that made this image.
func (i *Image) Index() uint64 { return i.index }

// ClusterID returns the cluster's id, "" before InitCluster.
func (i *Image) ClusterID() string { panic("landing soon") }

// Topic returns the topic of that name.
func (i *Image) Topic(name string) (*Topic, bool) { panic("landing soon") }

// TopicByID returns the topic with that id.
func (i *Image) TopicByID(id TopicID) (*Topic, bool) { panic("landing soon") }

// Topics yields all topics in the order of their names.
func (i *Image) Topics() iter.Seq[*Topic] { panic("landing soon") }

// TopicsFrom yields the topics whose names are name or come after it, in order.
func (i *Image) TopicsFrom(name string) iter.Seq[*Topic] { panic("landing soon") }

// Counts returns the numbers of topics and of partitions.
func (i *Image) Counts() (topics, partitions int) { panic("landing soon") }

// Broker returns the registered broker with that id.
func (i *Image) Broker(id int32) (*Broker, bool) { panic("landing soon") }

// Brokers yields all registered brokers in the order of their ids.
func (i *Image) Brokers() iter.Seq[*Broker] { panic("landing soon") }

// Configs returns what was set for the resource, nil when nothing was. Topics' own configs are
// in Topic.Configs, too.
func (i *Image) Configs(t ResourceType, name string) map[string]string { panic("landing soon") }

// ConfigResources yields the names of the resources of type t that have configs, in order.
func (i *Image) ConfigResources(t ResourceType) iter.Seq[string] { panic("landing soon") }
