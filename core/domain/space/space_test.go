package space

import (
	"testing"
)

const mebibyte = 1 << 20

// The numbers are those of docs/decisions/0008-full-disks.md.
func TestWhatIsGivenUpFirstNeedsMostSpace(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	for u, want := range map[Use]int64{Records: 80, Internal: 32, Metadata: 16, Agreed: 8} {
		if got := r.Floor(u); got != want*mebibyte {
			t.Errorf("use %d is refused below %d bytes, want %d MiB", u, got, want)
		}
	}
	if got := r.Resume(); got != 88*mebibyte {
		t.Errorf("records are taken again from %d bytes on, want 88 MiB", got)
	}
	for u := range Agreed {
		if r.Floor(u) <= r.Floor(u+1) {
			t.Errorf("use %d needs %d bytes, which is no more than the %d of the next", u, r.Floor(u), r.Floor(u+1))
		}
	}
	if r.Floor(Agreed) <= 0 || r.Resume() <= r.Floor(Records) {
		t.Errorf("%d bytes for what is agreed on, records again at %d", r.Floor(Agreed), r.Resume())
	}
}

func TestLargeMetadataHasALargerReserve(t *testing.T) {
	for _, c := range []struct{ configured, tables, want int64 }{
		{64 * mebibyte, 0, 64 * mebibyte},
		{64 * mebibyte, 8 * mebibyte, 64 * mebibyte},
		{64 * mebibyte, 30 * mebibyte, 152 * mebibyte},
		{1 << 30, 30 * mebibyte, 1 << 30},
	} {
		r := NewRule(c.configured, c.tables)
		if r.Reserve != c.want {
			t.Errorf("%d configured, tables of %d: reserve %d, want %d", c.configured, c.tables, r.Reserve, c.want)
		}
		if r.Working() < c.tables {
			t.Errorf("%d bytes are freed for a write, the tables have %d", r.Working(), c.tables)
		}
	}
}

func TestTheReserveTakesBackFreeSpaceAndReleasesNothingByItself(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	for _, c := range []struct {
		name       string
		free, held int64
		want       int64
	}{
		{"a disk with space", 1 << 20, 0, 64},
		{"one that has what it should", 1 << 20, 64, 64},
		{"a full disk", 0, 64, 64},
		{"a full disk, and the reserve was used", 0, 20, 20},
		{"a little that is free", 7, 48, 48},
		{"what was given back and not used", 16, 48, 60},
		{"space for a part of it", 30, 0, 26},
	} {
		if got := r.Hold(Disk{c.free * mebibyte, c.held * mebibyte}); got != c.want*mebibyte {
			t.Errorf("%s: the reserve should hold %d, want %d MiB", c.name, got, c.want)
		}
	}
}

func TestTheReserveGivesBackWhatAWriteNeeds(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	for _, c := range []struct{ free, held, n, want int64 }{
		{1000, 64, 0, 64},
		{2, 64, 0, 64},
		{0, 64, 0, 62},
		{1, 64, 0, 63},
		{0, 64, 10, 52},
		{0, 1, 0, 0},
		{0, 64, 100, 0},
	} {
		if got := r.Release(Disk{c.free * mebibyte, c.held * mebibyte}, c.n*mebibyte); got != c.want*mebibyte {
			t.Errorf("%d free, %d held, %d to be written: %d held then, want %d MiB", c.free, c.held, c.n,
				got/mebibyte, c.want)
		}
	}
}

func TestABudgetGivesNoMoreThanTheDiskHas(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	b := NewBudget(r)
	if b.Take(Records, 1) || !b.Short(Internal) {
		t.Error("there is something before the disk was measured")
	}
	at := func(free int64) bool { return b.Measured(Disk{free, r.Reserve}) }
	floor := r.Floor(Records) - r.Reserve
	at(floor + 10*mebibyte)
	if !b.Take(Records, 6*mebibyte) || !b.Take(Records, 4*mebibyte) || b.Take(Records, 1) {
		t.Error("of 10 MiB, 6 and 4 are to be had, and no more")
	}
	if !b.Take(Internal, 10*mebibyte) {
		t.Error("what coordinators write is refused with records")
	}
	if refusing := at(floor); !refusing {
		t.Error("records are not refused with nothing left")
	}
	at(floor + mebibyte)
	if at(floor+mebibyte) != true || b.Take(Records, 1) || !b.Refusing() {
		t.Error("a little space is no end of the refusal")
	}
	if at(r.Resume() - r.Reserve); b.Refusing() || !b.Take(Records, 1) {
		t.Error("records are refused with space")
	}
	if b.Lost(); b.Take(Records, 1) || b.Take(Internal, 1) || !b.Refusing() {
		t.Error("something is taken for a disk that is gone")
	}
}

func TestWhatWasTakenCountsUntilItMustBeOnTheDisk(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	b := NewBudget(r)
	at := Disk{r.Floor(Records) - r.Reserve + 10*mebibyte, r.Reserve}
	b.Measured(at)
	b.Take(Records, 8*mebibyte)
	for n, want := range []bool{false, false, true} { // the disk looks as if nothing had been written
		b.Measured(at)
		if got := b.Take(Records, 9*mebibyte); got != want {
			t.Errorf("measurement %d: 9 MiB are to be had: %t, want %t", n+1, got, want)
		}
	}
}

func TestWhatIsGivenBackMayBeTakenAgainAndIsNotOnItsWayToTheDisk(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	b := NewBudget(r)
	at := Disk{r.Floor(Records) - r.Reserve + 10*mebibyte, r.Reserve}
	b.Measured(at)
	for range 3 {
		if !b.Take(Records, 10*mebibyte) {
			t.Fatal("10 MiB that were given back are not to be had again")
		}
		b.GiveBack(Records, 10*mebibyte)
	}
	b.Measured(at)
	if !b.Take(Records, 10*mebibyte) || b.Take(Records, 1) {
		t.Error("after a measurement 10 MiB are to be had, and no more")
	}
	b.Measured(at)
	b.GiveBack(Records, 10*mebibyte)
	if !b.Take(Records, 10*mebibyte) || b.Take(Records, 1) {
		t.Error("given back after a measurement, 10 MiB are to be had, and no more")
	}
}

func TestARefusalLastsUntilThereIsSpaceForMoreThanTheBatchThatWasRefused(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	b := NewBudget(r)
	at := Disk{r.Floor(Records) - r.Reserve + 100, r.Reserve}
	b.Measured(at)
	if b.Take(Records, 101) || !b.Measured(at) {
		t.Error("what does not fit does not begin a refusal")
	}
}

func TestWhatIsOnlyGoodToHaveNeedsPlenty(t *testing.T) {
	r := NewRule(64*mebibyte, 0)
	b := NewBudget(r)
	b.Measured(Disk{r.Floor(Records) - r.Reserve + 256*mebibyte, r.Reserve})
	if !b.Spare(64*mebibyte) || b.Spare(64*mebibyte) {
		t.Error("of 256 MiB, 64 are plenty once")
	}
	if b.Low(Records) || !b.Take(Records, 150*mebibyte) || !b.Low(Records) {
		t.Error("with 42 MiB left the disk is to be measured soon")
	}
}
