package partition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEndOfAnswersAsKafkasLeaderEpochFileCache(t *testing.T) {
	var none Epochs
	for _, epoch := range []int32{-1, 0, 7} {
		if found, end := none.EndOf(epoch, 100); found != -1 || end != -1 {
			t.Errorf("EndOf(%d) of nothing = %d, %d", epoch, found, end)
		}
	}
	var e Epochs
	e.Restore([]EpochStart{{2, 10}, {4, 20}, {7, 30}})
	for _, c := range []struct {
		epoch, found int32
		end          int64
	}{{-1, -1, -1}, {0, 0, 10}, {2, 2, 20}, {3, 2, 20}, {4, 4, 30}, {6, 4, 30}, {7, 7, 100}, {8, -1, -1}} {
		if found, end := e.EndOf(c.epoch, 100); found != c.found || end != c.end {
			t.Errorf("EndOf(%d) = %d, %d, want %d, %d", c.epoch, found, end, c.found, c.end)
		}
	}
	for offset, want := range map[int64]int32{0: -1, 9: -1, 10: 2, 19: 2, 20: 4, 30: 7, 1000: 7} {
		if got := e.At(offset); got != want {
			t.Errorf("At(%d) = %d, want %d", offset, got, want)
		}
	}
}

func TestAssignRemovesWhatContradictsTheNewEpoch(t *testing.T) {
	history := []EpochStart{{2, 10}, {4, 20}, {7, 30}}
	for name, c := range map[string]struct {
		epoch int32
		start int64
		want  []EpochStart
	}{
		"a newer epoch":                     {8, 40, []EpochStart{{2, 10}, {4, 20}, {7, 30}, {8, 40}}},
		"the latest again, further on":      {7, 35, history},
		"the latest again, earlier":         {7, 25, []EpochStart{{2, 10}, {4, 20}, {7, 25}}},
		"a newer one where the latest was":  {9, 30, []EpochStart{{2, 10}, {4, 20}, {9, 30}}},
		"a newer one far back":              {9, 20, []EpochStart{{2, 10}, {9, 20}}},
		"an older epoch":                    {3, 40, []EpochStart{{2, 10}, {3, 40}}},
		"an older one before the beginning": {1, 5, []EpochStart{{1, 5}}},
		"no epoch":                          {-1, 40, history},
	} {
		var e Epochs
		e.Restore(history)
		e.Assign(c.epoch, c.start)
		if diff := cmp.Diff(c.want, e.Entries()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTruncationKeepsTheEpochThatHoldsTheNewEdge(t *testing.T) {
	history := []EpochStart{{2, 10}, {4, 20}, {7, 30}}
	for edge, want := range map[int64]struct{ from, to []EpochStart }{
		5:  {nil, history},
		10: {nil, history},
		15: {history[:1], []EpochStart{{2, 15}, {4, 20}, {7, 30}}},
		20: {history[:1], []EpochStart{{4, 20}, {7, 30}}},
		30: {history[:2], []EpochStart{{7, 30}}},
		99: {history, []EpochStart{{7, 99}}},
	} {
		var from, to Epochs
		from.Restore(history)
		to.Restore(history)
		from.TruncateFrom(edge)
		to.TruncateTo(edge)
		if diff := cmp.Diff(want.from, from.Entries()); diff != "" && len(want.from)+len(from.Entries()) > 0 {
			t.Errorf("TruncateFrom(%d) (-want +got):\n%s", edge, diff)
		}
		if diff := cmp.Diff(want.to, to.Entries()); diff != "" {
			t.Errorf("TruncateTo(%d) (-want +got):\n%s", edge, diff)
		}
	}
	if latest, ok := new(Epochs).Latest(); ok || latest != -1 {
		t.Errorf("Latest() of nothing = %d, %t", latest, ok)
	}
}

func TestEpochsAgreeWithALogThatKeepsOneForEveryRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			e     Epochs
			start int64
			log   []int32 // the epoch of start, start+1 and so on
		)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			end := start + int64(len(log))
			switch rapid.SampledFrom([]string{"append", "append", "append", "cut", "delete", "restore"}).Draw(t, "step") {
			case "append":
				latest, _ := e.Latest()
				epoch := max(0, latest) + int32(rapid.IntRange(0, 2).Draw(t, "epochs passed"))
				e.Assign(epoch, end)
				for range rapid.IntRange(1, 3).Draw(t, "records") {
					log = append(log, epoch)
				}
			case "cut":
				to := rapid.Int64Range(start, end).Draw(t, "new end")
				e.TruncateFrom(to)
				log = log[:to-start]
			case "delete":
				to := rapid.Int64Range(start, end).Draw(t, "new start")
				e.TruncateTo(to)
				log, start = log[to-start:], to
			case "restore":
				entries := e.Entries()
				e = Epochs{}
				e.Restore(entries)
			}
			end = start + int64(len(log))
			if len(log) == 0 {
				continue
			}
			for i, want := range log {
				if got := e.At(start + int64(i)); got != want {
					t.Fatalf("At(%d) = %d, want %d; %v in %v", start+int64(i), got, want, log, e.Entries())
				}
			}
			for epoch := log[0]; epoch <= log[len(log)-1]; epoch++ {
				wantFound, wantEnd := int32(-1), end
				for i, at := range log {
					if at <= epoch {
						wantFound = at
					} else {
						wantEnd = start + int64(i)
						break
					}
				}
				if found, got := e.EndOf(epoch, end); found != wantFound || got != wantEnd {
					t.Fatalf("EndOf(%d) = %d, %d, want %d, %d; %v in %v", epoch, found, got, wantFound, wantEnd, log, e.Entries())
				}
			}
		}
	})
}
