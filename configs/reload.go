package configs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// Change is a setting whose values differ between two configurations. The values are TOML, "" for a Kafka key that is
// not set.
type Change struct {
	Key, From, To string
	Dynamic       bool // can take effect without a restart
}

// Changes returns the settings that differ between c and next.
func (c *Config) Changes(next *Config) []Change {
	var changes []Change
	for i := range settings {
		s := &settings[i]
		if from, to := s.show(c), s.show(next); from != to {
			changes = append(changes, Change{Key: s.name, From: from, To: to, Dynamic: s.dynamic})
		}
	}
	both := maps.Clone(c.Kafka)
	maps.Copy(both, next.Kafka)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		from, had := c.Kafka[key]
		to, has := next.Kafka[key]
		if had == has && from == to {
			continue
		}
		k, known := configdef.Broker.Key(key)
		change := Change{
			Key: kafkaSection + "." + key, From: from, To: to, Dynamic: known && k.Update != configdef.ReadOnly,
		}
		if isSecret(key) {
			change.From, change.To = "hidden", "hidden"
		}
		changes = append(changes, change)
	}
	return changes
}

// quiet is how long a file must have been unchanged before it is read. A program that writes it may truncate it first.
const quiet = 100 * time.Millisecond

// Watcher notices changes of a configuration file.
type Watcher struct {
	path    string
	target  string // the file that path led to
	watcher *fsnotify.Watcher
}

// Watch begins to watch the file at path. Run reports all changes from now on. The file's folder is watched, because
// editors and Kubernetes replace files, and links to them, instead of writing to them. Close ends the watch.
func Watch(path string) (*Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch configuration file: %w", err)
	}
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("watch configuration file %s: %w", path, err), watcher.Close())
	}
	return &Watcher{path: path, target: resolved(path), watcher: watcher}, nil
}

// Run calls changed each time the file was written, replaced or created and then stayed unchanged for a moment. It
// returns when ctx ends.
func (w *Watcher) Run(ctx context.Context, changed func()) error {
	unchanged := time.NewTimer(quiet)
	unchanged.Stop()
	defer unchanged.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-w.watcher.Errors:
			return fmt.Errorf("watch configuration file %s: %w", w.path, err)
		case event := <-w.watcher.Events:
			now := resolved(w.path)
			written := filepath.Clean(event.Name) == filepath.Clean(w.path) && event.Has(fsnotify.Write|fsnotify.Create)
			if now != "" && (written || now != w.target) {
				w.target = now
				unchanged.Reset(quiet)
			}
		case <-unchanged.C:
			changed()
		}
	}
}

// Close ends the watch, after Run has ended.
func (w *Watcher) Close() error { return w.watcher.Close() }

// resolved returns the file that path leads to, "" when there is none.
func resolved(path string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return target
}
