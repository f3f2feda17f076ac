package configs

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// Change is a setting that two configurations have different values for, each as TOML. A value is "" where a Kafka key is not set.
type Change struct {
	Key, From, To string
	Dynamic       bool // can be taken into use without a restart
}

// Changes returns what next has otherwise than c.
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
		k, _ := configdef.Broker.Key(key)
		change := Change{Key: kafkaSection + "." + key, From: from, To: to, Dynamic: k.Update != configdef.ReadOnly}
		if k.Sensitive() {
			change.From, change.To = "hidden", "hidden"
		}
		changes = append(changes, change)
	}
	return changes
}

// quiet is how long a file must have been left alone before it is read: who writes it may empty it first.
const quiet = 100 * time.Millisecond

// Watch calls changed after the file at path was written, replaced or created, and then left alone for a moment, until
// ctx ends. Editors and Kubernetes replace files and links to them, so that it is the folder that is watched.
func Watch(ctx context.Context, path string, changed func()) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch configuration file: %w", err)
	}
	defer watcher.Close()
	if err := watcher.Add(filepath.Dir(path)); err != nil {
		return fmt.Errorf("watch configuration file %s: %w", path, err)
	}
	target := resolved(path)
	settled := time.NewTimer(quiet)
	settled.Stop()
	defer settled.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			return fmt.Errorf("watch configuration file %s: %w", path, err)
		case event := <-watcher.Events:
			now := resolved(path)
			written := filepath.Clean(event.Name) == filepath.Clean(path) && event.Has(fsnotify.Write|fsnotify.Create)
			if now != "" && (written || now != target) {
				target = now
				settled.Reset(quiet)
			}
		case <-settled.C:
			changed()
		}
	}
}

// resolved returns the file that path leads to, "" when there is none.
func resolved(path string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return target
}
