// Chronik-server is a message broker that speaks the Kafka protocol.
//
// This package is the command line. It reads the configuration, starts a broker by package wiring, reloads the
// configuration when its file changes or on SIGHUP, and makes sure that the process ends in time when it is asked to.
// Each command prints its result to the standard output and its errors to the standard error; execute has the exit
// codes.
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
