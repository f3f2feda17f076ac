// Package topics creates, grows, deletes and describes topics, and answers for the cluster as a whole: its brokers, log
// directories, producer ids and feature levels.
package topics
