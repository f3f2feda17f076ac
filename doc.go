// Package chronik runs a Kafka-compatible message broker in your process.
//
//	broker, err := chronik.Start(ctx, chronik.Options{})
//	if err != nil {
//		return err
//	}
//	defer broker.Close()
//	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
//
// That is the broker of the binary chronik-server, with all that it does, and clients of Kafka reach it by TCP as they
// reach any other. Without Options.Dir it keeps everything in memory and is gone when it is closed; with it, what it has
// acknowledged is on disk, and the next start on that directory goes on from there, be it of this package or of the
// binary.
//
// It is made to be one of many: nothing of it is global, it listens on a free port, takes nothing from the environment, reads no file
// but its own, writes to nothing but its directory and its logger, and leaves neither goroutine nor descriptor behind when
// it is closed. A start in memory takes a few milliseconds.
//
// A broker in a process is always one broker and never a node of a cluster. For tests, package chroniktest has brokers
// that end with their test, fail as you like, and whose clock you may move.
package chronik
