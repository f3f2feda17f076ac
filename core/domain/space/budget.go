package space

import "sync/atomic"

// Budget counts what may be appended to logs until the disk is measured again. Take may be called concurrently, with
// itself and with Measured; Measured by one goroutine at a time.
type Budget struct {
	rule Rule
	left [Metadata]atomic.Int64 // by the uses that append: may yet be taken

	taken    atomic.Int64 // since the last measurement
	unknown  int64        // taken in the interval before it: some of it may not have been on the disk yet
	denied   atomic.Bool  // records were, since the last measurement
	refusing atomic.Bool
}

// NewBudget returns a budget that has nothing to give before the first measurement.
func NewBudget(rule Rule) *Budget { return &Budget{rule: rule} }

// Take reports whether n bytes may be appended for a use, which are counted then. It takes neither time nor memory.
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

// low is how much is left when it is time to measure again.
const low = 64 << 20

// Low reports whether so little is left for a use, but something, that the disk should be measured soon: what was
// taken before the last measurement may be on the disk by now, and need not be counted any more.
func (b *Budget) Low(u Use) bool {
	left := b.left[u].Load()
	return left > 0 && left < low
}

// plenty is how many times of what is only good to have must be left.
const plenty = 4

// Spare reports whether n bytes may be allocated now for what is only good to have, which is when there are plenty.
func (b *Budget) Spare(n int64) bool {
	left := &b.left[Records]
	if left.Load() < plenty*n {
		return false
	}
	left.Add(-n)
	return true
}

// Measured takes a new state of the disk over. It reports whether records are refused from now on, until the
// next measurement at least.
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

// Lost has everything refused: the disk is not there.
func (b *Budget) Lost() {
	for u := range Metadata {
		b.left[u].Store(0)
	}
	b.refusing.Store(true)
}

// Short reports whether nothing is left for a use.
func (b *Budget) Short(u Use) bool { return b.left[u].Load() <= 0 }

// Denying reports whether records were refused since the last measurement, or are since then.
func (b *Budget) Denying() bool { return b.denied.Load() || b.refusing.Load() }

// Refusing reports whether records are refused since the last measurement.
func (b *Budget) Refusing() bool { return b.refusing.Load() }
