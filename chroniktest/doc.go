// Package chroniktest has Kafka brokers for tests: real ones, in memory, that start in milliseconds and end with their
// test.
//
//	func TestOrdersAreConsumed(t *testing.T) {
//		broker := chroniktest.Broker(t)
//		client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
//		…
//	}
//
// They are not mocks. A client talks to the complete broker of package chronik, so that a passing test says something
// about Kafka. A test that needs failures uses hooks; a test that needs time to pass moves the broker's clock.
//
// # Hooks
// TestBroker.Hook adds a function that decides about the requests of one API before the broker sees them. Answer,
// Delay, Hold, Fail, Disconnect and LoseAnswer return the most common hooks; Times and Only restrict them to some
// requests.
//
//	broker.Hook(kmsg.Produce, chroniktest.Times(1, chroniktest.Fail(kerr.NotLeaderForPartition)))
//
// # The clock
// A broker's clock follows the machine's until TestBroker.Advance moves it ahead. Everything that the broker decides by
// the time uses that clock: timestamps and their limits, session and rebalance time-outs of consumer groups, retention,
// compaction, the age at which segments are rolled, and the expiry of committed offsets and idempotent producers. The
// times that a client waits for use the machine's clock, as the client's own time-outs do: fetch.max.wait.ms and
// connections.max.idle.ms.
//
// Producers stamp records by the machine's clock. After TestBroker.Advance new records are as old as the clock is
// ahead, and retention deletes them at the next look; where a test does not want that, it sets
// log.message.timestamp.type to LogAppendTime. A broker that is started again on a directory begins at the machine's
// time, as if its clock had been put back: move it ahead again.
package chroniktest
