package seglog

import (
	"math"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
)

// shorten cuts the segment's file where the batch of t.to begins. It returns a new segment for what is left, as readers
// go on with the old one meanwhile.
func (s *segment) shorten(t *truncation, interval int64) (*segment, error) {
	f, err := s.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !t.shortened {
		if err := s.shortenFile(f, t); err != nil {
			return nil, err
		}
	}
	fresh := newSegment(s.dir, s.base)
	if fresh.size, err = f.Size(); err != nil {
		return nil, err
	}
	return fresh, fresh.recover(f, recoverBounds{from: s.base, sound: math.MaxInt64, logStart: 0, interval: interval})
}

func (s *segment) shortenFile(f *filecache.File, t *truncation) error {
	s.dir.mu.Lock()
	whole := s.view()
	s.dir.mu.Unlock()
	position, _, found, err := whole.find(f, t.to)
	if err != nil {
		return err
	}
	if found {
		b, err := (&headerWindow{file: f, limit: whole.limit}).at(position)
		if err != nil {
			return err
		}
		if err := f.Truncate(position); err != nil {
			return err
		}
		if err := s.dir.syncRecords(f); err != nil {
			return err
		}
		t.end = min(t.to, b.BaseOffset())
	}
	t.shortened = true
	return nil
}
