package space

import "sync/atomic"

// Budget counts the bytes that may be appended to logs until the disk is measured again. Its methods may be called
// concurrently, but Measured by one goroutine at a time only.
type Budget struct {
	rule Rule
	left [Metadata]atomic.Int64 // bytes that may be taken, by the uses that append

	taken atomic.Int64 // since the last measurement
	// taken in the interval before that: some of it may not have been on the disk when it was measured
	unknown  int64
	denied   atomic.Bool // records were refused since the last measurement
	refusing atomic.Bool
}

// NewBudget returns a budget that refuses everything before the first measurement.
func NewBudget(rule Rule) *Budget { return &Budget{rule: rule} }

// Take reports whether n bytes may be appended for a use, and counts them if so. It never blocks or allocates.
func (b *Budget) Take(u Use, n int64) bool {
	if b.left[u].Add(-n) < 0 {
		b.left[u].Add(n)
		if u == Records {
			b.denied.Store(true)
		}
		return false
	}
	b.taken.Add(n)
	return true
}

// GiveBack undoes a Take of n bytes that are not appended after all. When the disk was measured in between, they may be
// counted too little until it has been measured twice more.
func (b *Budget) GiveBack(u Use, n int64) {
	b.taken.Add(-n)
	b.left[u].Add(n)
}

// low is how many bytes are left when it is time to measure again.
const low = 64 << 20

// Low reports whether so little is left for a use, but something, that the disk should be measured soon. Bytes that
// were taken before the last measurement may be on the disk by now, and then are not counted twice any more.
func (b *Budget) Low(u Use) bool {
	left := b.left[u].Load()
	return left > 0 && left < low
}

// plenty is how many times the size of an optional allocation must be left.
const plenty = 4

// Spare reports whether n bytes may be allocated now for something optional, which needs plenty of space.
func (b *Budget) Spare(n int64) bool {
	left := &b.left[Records]
	if left.Load() < plenty*n {
		return false
	}
	left.Add(-n)
	return true
}

// Measured sets the budget from a new state of the disk. It reports whether records are refused at least until the next
// measurement.
func (b *Budget) Measured(d Disk) (refusing bool) {
	taken := b.taken.Swap(0)
	unwritten := taken + b.unknown
	b.unknown = taken
	total := d.Total()
	for u := range Metadata {
		b.left[u].Store(max(0, total-b.rule.Floor(u)-unwritten))
	}
	refused := b.denied.Swap(false) || b.refusing.Load()
	refusing = total < b.rule.Floor(Records) || refused && total < b.rule.Resume()
	if refusing {
		b.left[Records].Store(0)
	}
	b.refusing.Store(refusing)
	return refusing
}

// Lost makes the budget refuse everything, because the disk cannot be measured.
func (b *Budget) Lost() {
	for u := range Metadata {
		b.left[u].Store(0)
	}
	b.refusing.Store(true)
}

// Short reports whether nothing is left for a use.
func (b *Budget) Short(u Use) bool { return b.left[u].Load() <= 0 }

// Refusing reports whether the last measurement has made the budget refuse records.
func (b *Budget) Refusing() bool { return b.refusing.Load() }
