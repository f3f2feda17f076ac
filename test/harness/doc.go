// Package harness is what the end-to-end tests have in common. They run the real binaries, and clients and tools that
// Chronik did not write; nothing here knows a broker except by its protocol, its log and its files.
//
//   - Broker is a process of a standalone broker: Start, Kill, Stop. Cluster has several, of Node.
//   - Network stands between the nodes of a cluster and can cut some of them off. Volume is a file system that can
//     be full and lose power.
//   - Within waits for a condition. Nothing sleeps for a fixed time to wait.
//   - Command runs a client or a tool. What those need is fetched into a cache, once (make fetch).
//
// CHRONIK_BINARY is the path of the broker under test. Without it, each package of tests builds one, with the build
// tags of the tests. make builds the brokers once and sets CHRONIK_BINARY for each package.
package harness
