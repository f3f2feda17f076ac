package wiring

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
)

// stage is a part of the broker that runs in the background. Its Run returns nil after ctx has ended, or an error if
// the stage has failed. When it returns, all its goroutines have ended.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// runStages starts the stages in order. When ctx ends or a stage ends by itself, it stops them in reverse order, and
// reports to steps which one it waits for.
func runStages(ctx context.Context, steps *Progress, stages ...stage) error {
	g, failed := errgroup.WithContext(ctx)
	var stops []func()
	for _, s := range stages {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		g.Go(func() error {
			defer close(done)
			return s.run(own)
		})
		stops = append(stops, func() {
			steps.begin("stop " + s.name)
			cancel()
			<-done
		})
	}
	<-failed.Done()
	for _, stop := range slices.Backward(stops) {
		stop()
	}
	return g.Wait()
}
