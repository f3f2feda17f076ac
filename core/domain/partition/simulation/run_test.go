package simulation

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// chaos is how long there are faults in one history.
const chaos = 3 * time.Second

// noticedWithin is the number of histories within which a broken rule must be noticed.
const noticedWithin = 2000

// seeds returns what to play: SEED=k alone, or SEEDS=n from 1 on.
func seeds(t *testing.T, usual int) (first, last uint64) {
	t.Helper()
	number := func(name string) uint64 {
		v := os.Getenv(name)
		if v == "" {
			return 0
		}
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if one := number("SEED"); one > 0 {
		return one, one
	}
	if n := number("SEEDS"); n > 0 {
		return 1, n
	}
	if testing.Short() {
		usual /= 10
	}
	return 1, uint64(usual)
}

// play plays one history after the other, and fails at the first one that breaks a promise.
func play(t *testing.T, opt Options, usual int) {
	t.Helper()
	first, last := seeds(t, usual)
	var sum Outcome
	for seed := first; seed <= last; seed++ {
		opt.Seed = seed
		out := Run(opt)
		if out.Violation != nil {
			opt.Trace = 400
			again := Run(opt)
			t.Fatalf("SEED=%d: %v\nin its last steps:\n%s", seed, out.Violation, strings.Join(again.Trace, "\n"))
		}
		sum.Steps += out.Steps
		sum.Committed += out.Committed
		sum.Acked += out.Acked
		sum.Cuts += out.Cuts
		sum.Changes += out.Changes
		sum.Reads += out.Reads
		sum.Elections += out.Elections
	}
	t.Logf("%d histories: %+v", last-first+1, sum)
}

func TestHistoriesWithFaultsKeepThePromises(t *testing.T) {
	play(t, Options{Chaos: chaos}, 1000)
}

func TestHistoriesWithLazyFlushKeepThePromises(t *testing.T) {
	play(t, Options{Chaos: chaos, Lazy: true}, 500)
}

func TestHistoriesWithDeletedRecordsKeepThePromises(t *testing.T) {
	play(t, Options{Chaos: chaos, Deletes: true}, 500)
}

func TestHistoriesWithCompactionKeepThePromises(t *testing.T) {
	play(t, Options{Chaos: chaos, Compacts: true}, 500)
}

func TestHistoriesWithAllThatCleansKeepThePromises(t *testing.T) {
	play(t, Options{Chaos: chaos, Deletes: true, Compacts: true, Lazy: true}, 500)
}

func TestReplicasBecomeEqualAfterUncleanElections(t *testing.T) {
	play(t, Options{Chaos: chaos, Unclean: true}, 500)
}

func TestReplicasBecomeEqualAfterUncleanElectionsWithDeletedRecords(t *testing.T) {
	play(t, Options{Chaos: chaos, Unclean: true, Deletes: true}, 500)
}

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	opt := Options{Chaos: chaos, Seed: 7, Trace: 1000}
	if diff := cmp.Diff(Run(opt), Run(opt)); diff != "" {
		t.Errorf("two runs differ: %s", diff)
	}
}

// A check that never fails proves nothing: each rule is broken on purpose, and some history has to show it.
func TestEveryBrokenRuleIsNoticed(t *testing.T) {
	for _, rule := range Rules() {
		t.Run(rule.String(), func(t *testing.T) {
			opt := Options{Chaos: chaos, Breaks: rule}
			opt.Lazy = rule == LeaveWhenRestarted || rule == JoinUnderOwnEpoch
			opt.Deletes = rule == ResetWhenForgotten || rule == DeleteCommitted || rule == KnowWhereLogsBegin
			opt.Compacts = rule == CompactCommitted || rule == KeepWhereEpochsBegin
			opt.Unclean = rule == KnowWhereLogsBegin
			for opt.Seed = 1; opt.Seed <= noticedWithin; opt.Seed++ {
				if out := Run(opt); out.Violation != nil {
					t.Logf("seed %d: %v", opt.Seed, out.Violation)
					return
				}
			}
			t.Errorf("%d histories kept every promise", noticedWithin)
		})
	}
}
