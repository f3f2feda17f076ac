// Package controller is what the leader of the metadata does for its cluster, and how a broker is a member of it:
// broker sessions kept by heartbeats, elections when a session ends, assignments of replicas, preferred leaders, and the
// membership of this broker from its registration to its controlled shutdown. In a cluster, Joining brings a node in
// before it may vote, and Voters changes who votes, by the rules of package quorum.
//
// All decisions are commands to the metadata store; the leases of leaders end before another may be elected.
package controller
