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
	watcher, unwatched := watch(s.file(p.environ)) // before the file is read, so that no change is missed
	defer func() { _ = watcher.Close() }()
	cfg, err := s.load(p.environ)
	if err != nil {
		return err
	}
	if unwatched != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v; a reload needs a SIGHUP\n", unwatched)
	}
	wiring.LimitMemory(cfg)
	p.end.grants(cfg.Grace)
	server, err := wiring.Start(ctx, cfg, wiring.NewLogging(cfg, p.stderr), &p.end.steps)
	if err != nil {
		return err
	}
	reloader := reloader{settings: s, process: p, server: server, watcher: watcher}
	reloading, stopReloading := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	reloads.Go(func() { reloader.run(reloading) })
	select {
	case <-ctx.Done():
		err = server.Close()
	case <-server.Done():
		err = server.Err()
	}
	stopReloading()
	reloads.Wait()
	return err
}

// fileWatcher notices changes of the configuration file.
type fileWatcher interface {
	Run(ctx context.Context, changed func()) error
	Close() error
}

// watch watches the file at path. Without a file, or when it cannot be watched, the returned watcher reports nothing.
func watch(path string) (fileWatcher, error) {
	if path == "" {
		return blind{}, nil
	}
	w, err := configs.Watch(path)
	if err != nil {
		return blind{}, err
	}
	return w, nil
}

// blind is a watcher that reports nothing.
type blind struct{}

func (blind) Run(context.Context, func()) error { return nil }
func (blind) Close() error                      { return nil }

// reloader reloads the configuration when the file changes and when a signal asks for it.
type reloader struct {
	settings *settings
	process  *process
	server   *wiring.Server
	watcher  fileWatcher
}

func (r *reloader) run(ctx context.Context) {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		err := r.watcher.Run(ctx, func() {
			select {
			case changed <- struct{}{}:
			default: // a reload is pending already
			}
		})
		if err != nil {
			fmt.Fprintf(r.process.stderr, "chronik-server: %v; a reload needs a SIGHUP from now on\n", err)
		}
	})
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
		r.server.Reload(cfg) //nolint:contextcheck // a reload that was begun is completed
	}
}
