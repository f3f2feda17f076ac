// Package partition holds the pure state of one partition: what a replica knows about its role, and what follows from
// the records of its log. It does no I/O, starts no goroutine and reads no clock. core/domain/broker/replicas drives it
// in the broker, and the package simulation drives the same code in a simulated cluster.
//
// # Parts
//
//   - Replica is the state machine of one replica. Events go in: a new view of the metadata, an append, a fetch, a
//     change of the durable end, the time. What the caller has to do comes out as Effects.
//   - Epochs is the history of leader epochs: at which offset each of them began. It decides where two logs diverge.
//   - Lease is the time for which a broker may act as a leader.
//   - State is what follows from the batches of a log: Producers, which recognises duplicates and gaps of idempotent
//     producers, and their open transactions. It is the same on every replica, since only the batches change it.
//
// # Roles
//
// The metadata decides a replica's role. A View is the partition in one image of the metadata, and Install applies it.
//
//   - RoleNone: the broker has no replica, or no view was installed yet. Nothing is served.
//   - RoleLeader: it appends what producers send, serves followers and consumers, computes the high watermark, and
//     proposes changes of the ISR, which the metadata decides.
//   - RoleFollower: it fetches from the leader and truncates its log where it diverges from the leader's. It may serve
//     consumers what it knows to be committed (KIP-392).
//
// A leader may act only while its lease holds. The metadata's leader elects another one only after the lease has ended.
//
// # Invariants
//
//   - What is committed, that is below the high watermark of a leader, is in the log of every member of the ISR. So any
//     of them may be elected.
//   - A fetch acknowledges exactly what lies below its offset, and a follower fetches only when all of that is durable.
//   - A leader sends followers only what is durable on its own disk. After a loss of power no follower has more than
//     it.
//   - The high watermark never falls, unless an unclean election has lost records.
//   - A log is truncated where its leader epochs diverge from the leader's, never at the high watermark (KIP-101,
//     KIP-279). It is reset, emptied to continue at another offset, only while its replica is outside of the ISR.
//   - A larger ISR counts from its proposal on, a smaller one from the view that brings it. So the leader never waits
//     for fewer replicas than the metadata may elect from.
//   - A batch is accepted at most once, and in the order of its producer's sequences, also across a change of the
//     leader (KIP-98).
//
// # Where the rules come from
//
// The protocol is Kafka's. docs/decisions/0005-replica-protocol.md lists the rules with their numbers, the differences
// from Kafka and the reasons for them; docs/decisions/0009-sequences-over-a-change-of-the-leader.md explains duplicates
// whose offsets are not remembered any more, and docs/decisions/0013-a-partitions-state.md the way of batches into
// State. The transcripts in testdata show elections, ISR changes and truncations step by step. simulation breaks each
// rule on purpose and checks that a broken promise is noticed.
//
// # Concurrency
//
// Nothing here locks: the caller serialises the calls to a Replica and a State. Lease and ProducerMemory are shared by
// the partitions of a broker and are safe for concurrent use.
package partition
