package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/wiring"
)

type standaloneCmd struct{}

// Run serves until ctx ends.
func (standaloneCmd) Run(ctx context.Context, p *process, s *settings) error {
	cfg, err := s.load(p.environ)
	if err != nil {
		return err
	}
	wiring.LimitMemory(cfg)
	server, err := wiring.Start(context.WithoutCancel(ctx), cfg, p.stderr)
	if err != nil {
		return err
	}
	reloader := reloader{settings: s, process: p, server: server}
	watching, stopWatching := context.WithCancel(ctx)
	var watches sync.WaitGroup
	watches.Go(func() { reloader.run(watching) })
	select {
	case <-ctx.Done():
		err = server.Close()
	case <-server.Done():
		err = server.Err()
	}
	stopWatching()
	watches.Wait()
	return err
}

// reloader takes a changed configuration into use when the file changes and when the process is asked to.
type reloader struct {
	settings *settings
	process  *process
	server   *wiring.Server
}

func (r *reloader) run(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	if path := r.settings.file(r.process.environ); path != "" {
		watching.Go(func() {
			err := configs.Watch(ctx, path, func() {
				select {
				case changed <- struct{}{}:
				default: // a reload is due already
				}
			})
			if err != nil {
				fmt.Fprintf(r.process.stderr, "chronik-server: %v; a reload needs a SIGHUP from now on\n", err)
			}
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-r.process.reload:
		}
		cfg, err := r.settings.load(r.process.environ)
		if err != nil {
			r.server.RefuseReload(err)
			continue
		}
		r.server.Reload(cfg)
	}
}
