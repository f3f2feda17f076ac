// Package chroniktest has Kafka brokers for tests: real ones, in memory, that start in milliseconds and end with their
// test.
//
//	func TestOrdersAreConsumed(t *testing.T) {
//		broker := chroniktest.Broker(t)
//		client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
//		…
//	}
//
// They are not mocks: what a client meets is the broker of package chronik with all that it does, so that a test which
// passes says something about Kafka. Where a test needs a broker that fails, it says so by hooks; where it needs time to
// pass, it moves the broker's clock.
//
// # Hooks
//
// TestBroker.Hook has a function decide about the requests of one API before the broker sees them. Answer, Delay, Fail,
// Disconnect and LoseAnswer make such functions for what is needed most; Times and Only narrow them down.
//
//	broker.Hook(kmsg.Produce, chroniktest.Times(1, chroniktest.Fail(kerr.NotLeaderForPartition)))
//
// # The clock
//
// A broker's clock goes with the machine's until TestBroker.Advance moves it ahead. All that the broker decides by the
// time goes by that clock: timestamps and their limits, session and rebalance time-outs of consumer groups, retention,
// compaction, the age at which segments are rolled, and the expiry of committed offsets and idempotent producers. What a
// client waits for at the broker goes by the machine's clock, for the client's own time-outs do: fetch.max.wait.ms, and
// connections.max.idle.ms.
//
// Producers stamp records by the machine's clock. After TestBroker.Advance new records are as old as the clock is ahead,
// and retention deletes them at the next look; where a test does not want that, it sets log.message.timestamp.type to
// LogAppendTime. A broker that is started again on a directory begins at the machine's time, as if its clock had been put
// back: move it ahead again.
package chroniktest
