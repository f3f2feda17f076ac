// Package harness is what the end-to-end tests have in common. They run the real binaries, and clients and tools that
// Chronik did not write; nothing here looks into a broker but by its protocol, its log and its files.
//
//   - Broker is a process of a standalone broker: Start, Kill, Stop. Cluster has several, of Node.
//   - Network stands between the nodes of a cluster and loses what it is told to lose. Volume is a file system that can
//     be full and lose power.
//   - Within waits for a condition. Nothing sleeps for a fixed time to wait.
//   - Command runs a client or a tool. What those need is fetched into a cache, once (make fetch).
//
// The environment says which broker is under test: CHRONIK_BINARY is its path. Without it, each package of tests builds
// one, with the build tags that it was built with itself. make builds the brokers once, and says in which packages
// which is under test.
package harness
