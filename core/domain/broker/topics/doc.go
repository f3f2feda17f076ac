// Package topics creates, grows and deletes topics.
//
// Topics validates what clients ask for, fills in the broker's defaults, and turns it into commands to the metadata
// store. The rules themselves are in core/domain/metadata, which applies the commands on every node.
//
// Messages of errors are those of Apache Kafka, which clients show to their users.
package topics
