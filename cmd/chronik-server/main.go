// Chronik-server is a message broker that speaks the Kafka protocol.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

// run runs the command line until it is done or a signal asks it to end, and returns the exit code.
func run() int {
	ends := make(chan os.Signal, 2)
	signal.Notify(ends, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(ends)
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	end := newEnding(os.Stderr)
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, process{
			args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr, reload: reload, end: end,
		})
	}()
	return end.await(done, ends, cancel)
}
