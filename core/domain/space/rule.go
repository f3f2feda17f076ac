// Package space decides what may go on as the disk fills up. It knows numbers only: who measures and who writes is elsewhere.
//
// What clients produce is refused first, while there is still enough for all that must go on: committed offsets, metadata, deletions,
// compaction. For these a reserve is held as allocated space, which nobody else on the machine can take, and is given back as they need
// it.
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
	// metadataFiles is what the metadata's files need beside their tables: two tables in memory with their logs, and a file of values.
	metadataFiles = 32 << 20
	// parts is how many times what is kept free goes into the reserve. What is kept free has room for all tables, which may be written anew
	// before the old ones go.
	parts = 4
)

// NewRule returns the rule with the reserve that is configured, or with as much as metadata needs whose tables have so many bytes.
func NewRule(configured, tables int64) Rule { return Rule{max(configured, metadataFiles+parts*tables)} }

// Working is what is kept free beside the reserve: for what is written between two measurements without being counted.
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

// Resume is the total from which records are taken again once they were refused. It is higher than their floor, so that not each
// segment that is deleted is an end of the refusal for a moment.
func (r Rule) Resume() int64 { return r.Floor(Records) + r.Reserve/8 }

// Hold returns how much the reserve should hold: all of it, but for what is missing for Working to be free. Small changes change nothing.
func (r Rule) Hold(d Disk) int64 {
	working := r.Working()
	switch {
	case d.Free < working:
		return max(0, d.Held-(working-d.Free))
	case d.Free > working+working/4 && d.Held < r.Reserve:
		return min(r.Reserve, d.Held+d.Free-working)
	default:
		return d.Held
	}
}
