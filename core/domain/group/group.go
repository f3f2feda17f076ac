// Package group has what groups of every protocol have in common: committed offsets, and the formats of the records
// that groups are kept as in the topic __consumer_offsets. Each protocol is a package below: classic is the first.
//
// A group's committed offsets do not depend on its protocol: Offsets holds them, and a group that changes its
// protocol takes them along. All kinds of groups live in the same partitions, so Decode knows the records of all of
// them.
package group

// Client is who sent a request: what DescribeGroups shows of a member.
type Client struct {
	ID   string
	Host string // the address, as Kafka prints it: "/127.0.0.1"
}

// Listing is a group in ListGroups.
type Listing struct {
	Group, ProtocolType, State, Type string // type: "classic"
}
