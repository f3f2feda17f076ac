// Package group holds what groups of every protocol have in common: committed offsets, and the formats of the records
// in the topic __consumer_offsets. Each protocol is a package below this one; classic is the first.
//
// A group's committed offsets do not depend on its protocol: Offsets holds them, and a group that changes its protocol
// keeps them. All kinds of groups live in the same partitions, so Decode has to know the records of all of them. The
// package is pure: core/domain/broker/groups runs the groups, and package coordinator loads and stores them.
package group

// Client identifies the sender of a request, as DescribeGroups shows it for a member.
type Client struct {
	ID   string
	Host string // the address, as Kafka prints it: "/127.0.0.1"
}

// Listing is a group in ListGroups.
type Listing struct {
	Group, ProtocolType, State, Type string // type: "classic"
}
