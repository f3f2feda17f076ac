package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestKindOfIsTheOutermostFaults(t *testing.T) {
	inner := New(NotEnoughReplicas, "one of two")
	for name, c := range map[string]struct {
		err  error
		want Kind
	}{
		"nothing":            {nil, None},
		"no fault":           {errors.New("disk"), Unknown},
		"a bare kind":        {TopicExists, TopicExists},
		"a fault":            {inner, NotEnoughReplicas},
		"a wrapped fault":    {fmt.Errorf("produce: %w", inner), NotEnoughReplicas},
		"a fault in a fault": {New(CoordinatorNotAvailable, "commit: %w", inner), CoordinatorNotAvailable},
		"a kind in a fault":  {New(CoordinatorNotAvailable, "commit: %w", NotEnoughReplicas), CoordinatorNotAvailable},
		"a joined fault":     {errors.Join(errors.New("disk"), inner), NotEnoughReplicas},
	} {
		t.Run(name, func(t *testing.T) {
			if got := KindOf(c.err); got != c.want {
				t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
			}
		})
	}
}

func TestNoControllerIsWhatPassesWithAnElection(t *testing.T) {
	for err, want := range map[error]bool{
		NotController: true, fmt.Errorf("apply: %w", New(RequestTimedOut, "too slow")): true, BrokerNotAvailable: false,
		errors.New("disk"): false, nil: false,
	} {
		if got := NoController(err); got != want {
			t.Errorf("NoController(%v) = %t", err, got)
		}
	}
}

func TestEveryKindHasAText(t *testing.T) {
	for _, k := range Kinds() {
		if k.String() == "" || !errors.Is(New(k, "detail"), k) {
			t.Errorf("kind %d has text %q", k, k)
		}
	}
}
