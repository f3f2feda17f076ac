package replicas

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// leading returns the view of a leader whose log is from 10 to 40, committed up to 30 and stable up to 20.
func leading(change func(*view)) *view {
	v := &view{
		topic: "orders", role: partition.RoleLeader, leader: 1, epoch: 5, start: 10, end: 40, durable: 35,
		highWatermark: 30, lastStable: 20, askedEpoch: partition.NoEpoch, askedEnd: -1,
	}
	if change != nil {
		change(v)
	}
	return v
}

func following(v *view) {
	v.role, v.noLead = partition.RoleFollower, fault.NotLeaderOrFollower
}

func electedJustNow(v *view) { v.withheld = fault.OffsetNotAvailable }

func stopped(v *view) { v.failure = fault.UnknownTopicOrPartition }

func logFailed(v *view) { v.failure, v.logFailed = fault.KafkaStorageError, true }

func TestWhatAConsumerMayReadFollowsFromTheView(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(*view)
		offset        int64
		readCommitted bool
		readable      int64
		readErr       error
		fetchable     int64
		fetchErr      error
	}{
		"a leader shows what is committed":     {nil, 10, false, 30, nil, 30, nil},
		"and to read_committed what is stable": {nil, 10, true, 20, nil, 20, nil},
		"a follower is no leader": {
			following, 10, false, -1, fault.NotLeaderOrFollower, -1,
			fault.NotLeaderOrFollower,
		},
		"a new leader has to find out": {
			electedJustNow, 10, false, -1, fault.OffsetNotAvailable, -1,
			fault.OffsetNotAvailable,
		},
		"one that was stopped says why": {
			stopped, 10, false, -1, fault.UnknownTopicOrPartition, -1,
			fault.UnknownTopicOrPartition,
		},
		"a failed log is read up to its end": {logFailed, 29, false, -1, fault.KafkaStorageError, 30, nil},
		"which is where the failure is told": {
			logFailed, 30, false, -1, fault.KafkaStorageError, 30,
			fault.KafkaStorageError,
		},
		"for read_committed that comes earlier": {
			logFailed, 20, true, -1, fault.KafkaStorageError, 20,
			fault.KafkaStorageError,
		},
		"a failed log of a follower is not looked at": {
			func(v *view) { following(v); logFailed(v) }, 10, false, -1,
			fault.KafkaStorageError, -1, fault.NotLeaderOrFollower,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := leading(c.change)
			if got, err := v.readable(c.readCommitted); got != c.readable || !errors.Is(err, c.readErr) {
				t.Errorf("readable(%t) = %d, %v, want %d, %v", c.readCommitted, got, err, c.readable, c.readErr)
			}
			if got, err := v.fetchable(c.offset, c.readCommitted); got != c.fetchable || !errors.Is(err, c.fetchErr) {
				t.Errorf("fetchable(%d, %t) = %d, %v, want %d, %v", c.offset, c.readCommitted, got, err, c.fetchable, c.fetchErr)
			}
		})
	}
}

func TestAClientsLeaderEpochIsComparedBeforeTheRole(t *testing.T) {
	for _, c := range []struct {
		change            func(*view)
		client            int32
		anywhere, leading error
	}{
		{nil, -1, nil, nil},
		{nil, 5, nil, nil},
		{nil, 4, fault.FencedLeaderEpoch, fault.FencedLeaderEpoch},
		{nil, 6, fault.UnknownLeaderEpoch, fault.UnknownLeaderEpoch},
		{electedJustNow, 5, nil, nil},
		{following, 4, fault.FencedLeaderEpoch, fault.FencedLeaderEpoch},
		{following, 5, nil, fault.NotLeaderOrFollower},
	} {
		v := leading(c.change)
		if err := v.checkEpoch(c.client); !errors.Is(err, c.anywhere) {
			t.Errorf("%d of %d in role %d: checkEpoch() = %v, want %v", c.client, v.epoch, v.role, err, c.anywhere)
		}
		if err := v.checkLeader(c.client); !errors.Is(err, c.leading) {
			t.Errorf("%d of %d in role %d: checkLeader() = %v, want %v", c.client, v.epoch, v.role, err, c.leading)
		}
	}
}

func TestAReaderLearnsWhereItsHistoryEnds(t *testing.T) {
	for name, c := range map[string]struct {
		last       int32 // epoch of the reader's last record
		asked      int32 // what is known of it
		askedEnd   int64
		offset     int64
		want       *EpochEndOffset
		wantFailed error
	}{
		"it names no epoch":                 {-1, -1, -1, 25, nil, nil},
		"the epoch goes on":                 {5, 5, 40, 25, nil, nil},
		"it has read exactly to its end":    {4, 4, 25, 25, nil, nil},
		"it has more of the epoch":          {4, 4, 20, 25, &EpochEndOffset{Epoch: 4, EndOffset: 20}, nil},
		"the epoch has no records here":     {4, 3, 15, 25, &EpochEndOffset{Epoch: 3, EndOffset: 15}, nil},
		"nothing is known of such an epoch": {9, -1, -1, 25, nil, fault.OffsetOutOfRange},
	} {
		t.Run(name, func(t *testing.T) {
			v := leading(func(v *view) { v.askedEpoch, v.askedEnd = c.asked, c.askedEnd })
			got, err := v.diverging(&FetchPartition{Offset: c.offset, LastFetchedEpoch: c.last})
			if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.wantFailed) {
				t.Errorf("error %v, want %v; diverging (-want +got):\n%s", err, c.wantFailed, diff)
			}
		})
	}
}

func TestASessionSaysNothingOfWhatItsConsumerKnows(t *testing.T) {
	known := wantedPartition{
		ask: FetchPartition{Offset: 30}, seen: 30, epoch: 5, told: true, highWatermark: 30,
		logStart: 10,
	}
	for name, c := range map[string]struct {
		change        func(*view)
		want          func(*wantedPartition)
		readCommitted bool
		quiet         bool
	}{
		"nothing has changed":             {quiet: true},
		"the log has grown, uncommitted":  {change: func(v *view) { v.end, v.durable = 50, 50 }, quiet: true},
		"the high watermark has risen":    {change: func(v *view) { v.highWatermark = 31 }},
		"records were deleted":            {change: func(v *view) { v.start = 11 }},
		"another leader epoch":            {change: func(v *view) { v.epoch = 6 }},
		"it does not lead any more":       {change: following},
		"it has failed":                   {change: logFailed},
		"the consumer was never answered": {want: func(w *wantedPartition) { w.told = false }},
		"it asks for something else":      {want: func(w *wantedPartition) { w.news = true }},
		"it has not read to the end":      {want: func(w *wantedPartition) { w.ask.Offset = 29 }},
		"read_committed waits for stable": {
			want:          func(w *wantedPartition) { w.ask.Offset, w.seen = 20, 20 },
			readCommitted: true, quiet: true,
		},
		"which a transaction's end raises": {
			want:          func(w *wantedPartition) { w.ask.Offset, w.seen = 19, 19 },
			readCommitted: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := known
			if c.want != nil {
				c.want(&w)
			}
			if got := w.quiet(leading(c.change), c.readCommitted); got != c.quiet {
				t.Errorf("quiet() = %t, want %t", got, c.quiet)
			}
		})
	}
}
