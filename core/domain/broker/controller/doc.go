// Package controller holds what the leader of the metadata does for its cluster, and how a broker is a member of it.
// What a broker checks when it starts, alone or in a cluster, and when it is ready, is in package lifecycle.
//
// # Idea
//
// All decisions are commands to the metadata store, which the nodes agree on by Raft. Every node runs the services of
// this package, but a Controller acts only while its node leads the metadata.
//
//   - Controller keeps the brokers' sessions. It takes heartbeats, fences brokers whose sessions end and unfences those
//     that return, guides controlled shutdowns, and gives leadership back to the preferred replicas.
//   - Membership is the other side: it sends this broker's heartbeats, renews its lease, and hands its partitions over
//     before it stops. Register registers the broker before that.
//   - Assignments carries out what operators ask for: ElectLeaders, AlterPartitionReassignments, UnregisterBroker;
//     Features raises feature levels.
//   - Joining brings a node into the cluster before it may vote, Voters changes the set of voters and describes the
//     quorum, QuorumProgress tells how far the nodes are. The rules for voters are in core/domain/quorum.
//   - MetaTopic creates the internal topic __meta.
//
// # Sessions, leases and the proof of leadership
//
// A heartbeat extends two times. The session is kept by the metadata's leader: when it ends, the broker is fenced,
// which elects new leaders for its partitions. The lease is kept by the broker: when it ends, the broker stops to act
// as a leader. The lease counts from when the heartbeat was sent and is shorter than the session, so it ends first.
//
// A leader of the metadata that was cut off, or whose process was stopped, may believe that it still leads. So before
// it answers heartbeats, it asks a majority (leadershipProof). One question serves all heartbeats that have arrived
// before it, so the cost does not grow with the number of brokers.
//
// A broker whose process has ended need not be waited for: when its connection breaks, or when a new leader begins, the
// controller checks whether anything listens at its address. Only when connections were refused for longer than a live
// broker is silent does its session end early.
//
// # Invariants
//
//   - The lease of a broker ends before the metadata's leader elects another leader for its partitions, even if several
//     nodes believe to lead the metadata.
//   - A new leader of the metadata grants every broker a full session, because it does not know when the last
//     heartbeats were sent.
//   - A fenced broker is unfenced, and gets a lease again, only when it has seen the image in which it was fenced: then
//     it knows which partitions have other leaders.
//   - A node votes only when the others know the incarnation of its data directory. A node that has lost its directory
//     has lost its votes: it does not know what it has promised with them.
//   - What may be done twice is retried, everything else reports whether it may have been done.
//
// Controller.mu guards the sessions and is held briefly, never during a command or a question to the majority. The
// rules and their reasons are in docs/decisions/0005-replica-protocol.md ("Leases and sessions") and
// docs/decisions/0004-metadata-by-raft.md.
package controller
