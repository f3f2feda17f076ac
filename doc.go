// Package chronik runs a Kafka-compatible message broker in your process.
//
//	broker, err := chronik.Start(ctx, chronik.Options{})
//	if err != nil {
//		return err
//	}
//	defer broker.Close()
//	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
//
// It is the same broker as in the binary chronik-server, and Kafka clients connect to it over TCP as to any other.
// Without Options.Dir it keeps everything in memory, and Close discards it. With Options.Dir everything that it has
// acknowledged is on disk, and the next start on that directory, by this package or by the binary, continues with it.
// Many brokers can run in one process. A broker has no global state and listens on a free port. No environment variable
// changes what it does. It reads no files but its own, and writes only to its directory and its logger. Close leaves
// neither goroutines nor descriptors behind. A start in memory takes a few milliseconds. An embedded broker is always a
// standalone one and never a node of a cluster. For tests, package chroniktest has brokers that stop with their test,
// fail on demand, and have a clock that can be moved.
package chronik
