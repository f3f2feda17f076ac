// Package topics creates, grows, deletes and describes topics, and answers for the cluster as a whole: its brokers, log
// directories, producer ids and feature levels.
//
// Topics validates what clients ask for, fills in the broker's defaults, and turns it into commands to the metadata
// store. The rules themselves are in core/domain/metadata, which applies the commands on every node. Cluster answers
// from the current image, and reserves producer ids in blocks.
//
// Messages of errors are those of Apache Kafka, which clients show to their users.
package topics
