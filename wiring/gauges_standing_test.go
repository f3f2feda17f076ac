package wiring

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/broker/controller"
)

func TestABrokerIsInSessionUnlessItsHeartbeatsAreNotAnswered(t *testing.T) {
	for _, c := range []struct {
		notReady error
		want     int64
	}{
		{nil, 1},
		{errors.New("1 replicas have not caught up with their leaders"), 1},
		{controller.ErrNotInService, 0},
		{fmt.Errorf("wrapped: %w", controller.ErrCutOff), 0},
	} {
		got := int64(-1)
		g := flag("session", "", func() bool { return inSession(c.notReady) })
		if g.read(context.Background(), func(_ string, n int64) { got = n }); got != c.want {
			t.Errorf("not ready: %v, session is %d, want %d", c.notReady, got, c.want)
		}
	}
}
