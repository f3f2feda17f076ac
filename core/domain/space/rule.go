// Package space decides what may go on as the disk fills up. It knows numbers only: who measures
// and who writes is elsewhere.
//
// What clients produce is refused first, while there is still enough for all that must go on: committed offsets,
// metadata, deletions, compaction. For these a reserve is held as allocated space, which nobody else on the machine
// can take, and is given back as they need it.
package space

// Use is what space is wanted for. The first is refused first.
type Use uint8

// The uses.
const (
	Records  Use = iota // what clients produce, and its replicas
	Internal            // what coordinators write, and its replicas; compaction
	Metadata            // commands that are yet to be decided on
	Agreed              // commands that are decided on, and cannot be refused
)

// Disk is the state of the file system that holds the data directory, in bytes.
type Disk struct {
	Free int64 // may yet be written
	Held int64 // is held by the reserve, which can give it back
}

// Total is what there is for the broker.
func (d Disk) Total() int64 { return d.Free + d.Held }

// Rule says what may go on with a reserve of so many bytes.
type Rule struct{ Reserve int64 }

const (
	// metadataFiles is what the metadata's files need beside their tables: two tables in memory with their
	// logs, and a file of values.
	metadataFiles = 32 << 20
	// parts is how many times what is freed for writing tables goes into the reserve. What is freed for writing tables
	// has room for all of them, which may be written anew before the old ones go.
	parts = 4
)

// NewRule returns the rule with the reserve that is configured, or with as much as metadata needs whose
// tables have so many bytes.
func NewRule(configured, tables int64) Rule { return Rule{max(configured, metadataFiles+parts*tables)} }

// Working is what must be free while the metadata's tables are written, for those and for all
// that is written beside them.
func (r Rule) Working() int64 { return r.Reserve / parts }

// Floor is the total below which a use is refused.
func (r Rule) Floor(u Use) int64 {
	switch u {
	case Records:
		return r.Reserve + r.Working()
	case Internal:
		return r.Reserve / 2
	case Metadata:
		return r.Working()
	default:
		return r.Working() / 2
	}
}

// Resume is the total from which records are taken again once they were refused. It is higher than their floor, so
// that not each segment that is deleted is an end of the refusal for a moment.
func (r Rule) Resume() int64 { return r.Floor(Records) + r.Reserve/8 }

// Hold returns how much the reserve should hold: all of it, or what there is but for a little. It takes back what was
// given back and not used, and gives nothing back by itself: somebody who fills the disk would get it.
func (r Rule) Hold(d Disk) int64 {
	if d.Held >= r.Reserve || d.Free < r.Working()/2 {
		return d.Held
	}
	return min(r.Reserve, d.Held+d.Free-r.Working()/4)
}

// Release returns how much the reserve should hold for n bytes to be written, and a little that is written beside them.
func (r Rule) Release(d Disk, n int64) int64 {
	return max(0, min(d.Held, d.Held+d.Free-r.Working()/8-n))
}
