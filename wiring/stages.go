package wiring

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"
)

// stage is a part of the broker that works in the background. Its Run returns nil after its ctx has ended, and an
// error if it failed; by then all its goroutines have ended.
type stage struct {
	name string
	run  func(ctx context.Context) error
}

// runStages starts the stages in order. When ctx ends or one of them ends by itself, they stop in reverse
// order. Steps is told which.
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
