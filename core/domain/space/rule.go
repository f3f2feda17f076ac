// Package space decides which writes are still allowed as the disk fills up. It computes with numbers only; measuring
// the disk, holding the reserve and writing are done elsewhere. docs/decisions/0008-full-disks.md explains the rules.
// Produced records are refused first, while there is still space for everything that must go on: committed offsets,
// metadata, deletions, compaction. For these a reserve is held as allocated disk space, which no other process on the
// machine can use. It is released as they need it.
package space

// Use is a purpose for which space is needed. The uses are refused in this order.
type Use uint8

// The uses.
const (
	Records  Use = iota // what clients produce, and its replicas
	Internal            // what coordinators write, and its replicas; compaction
	Metadata            // metadata commands that are not committed yet
	Agreed              // committed metadata commands, which cannot be refused
)

// Disk is the state of the file system that holds the data directory, in bytes.
type Disk struct {
	Free int64 // can be written
	Held int64 // held by the reserve, which can release it
}

// Total is the space that the broker can use, the reserve included.
func (d Disk) Total() int64 { return d.Free + d.Held }

// Rule is the rule for a reserve of that many bytes.
type Rule struct{ Reserve int64 }

const (
	// metadataFiles is what the metadata's files need beside their tables: two tables in memory with their
	// logs, and a file of values.
	metadataFiles = 32 << 20
	// parts is the size of the reserve in units of Working. Working has room for all tables, because a compaction may
	// write all of them again before the old ones are deleted.
	parts = 4
)

// NewRule returns the rule for the configured reserve, or for a larger one if metadata with tables of that many bytes
// needs it.
func NewRule(configured, tables int64) Rule { return Rule{max(configured, metadataFiles+parts*tables)} }

// Working is what must be free while the metadata's tables are written, for the tables and for everything that is
// written meanwhile.
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

// Resume is the total from which records are accepted again after they were refused. It is above their floor, so that
// the deletion of a single segment does not end the refusal for a moment only.
func (r Rule) Resume() int64 { return r.Floor(Records) + r.Reserve/8 }

// Hold returns how much the reserve should hold: all of it, or nearly all the space that there is. It takes back space
// that was released and not used. It never releases space by itself, since the process that fills the disk would use it
// up.
func (r Rule) Hold(d Disk) int64 {
	if d.Held >= r.Reserve || d.Free < r.Working()/2 {
		return d.Held
	}
	return min(r.Reserve, d.Held+d.Free-r.Working()/4)
}

// Release returns how much the reserve should hold so that n bytes, and a little besides, can be written.
func (r Rule) Release(d Disk, n int64) int64 {
	return max(0, min(d.Held, d.Held+d.Free-r.Working()/8-n))
}
