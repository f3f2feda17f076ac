package kafkaproto

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// exhausted is a listener of a process that has no file descriptor left.
type exhausted struct {
	net.Listener
	closed chan struct{}
	tried  atomic.Int32
}

func (e *exhausted) Accept() (net.Conn, error) {
	select {
	case <-e.closed:
		return nil, net.ErrClosed
	default:
		e.tried.Add(1)
		return nil, errors.New("too many open files")
	}
}

func TestAcceptingIsTriedLessAndLessOftenAndEndsAtOnce(t *testing.T) {
	s := start(t, newFakes(t)).Server
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ln := &exhausted{closed: make(chan struct{})}
		ended := make(chan time.Time)
		go func() {
			s.accept(ctx, &listener{name: "PLAINTEXT", ln: ln})
			ended <- time.Now()
		}()
		time.Sleep(time.Minute)
		if tried := ln.tried.Load(); tried < 50 || tried > 75 {
			t.Errorf("tried %d times in a minute", tried)
		}
		time.Sleep(300 * time.Millisecond) // into a pause of a second
		stopped := time.Now()
		close(ln.closed)
		stop()
		if took := (<-ended).Sub(stopped); took != 0 {
			t.Errorf("it went on for %v", took)
		}
	})
}
