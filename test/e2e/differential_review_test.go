package e2e

import "regexp"

// difference is a field whose answers may differ, and why.
type difference struct {
	step, at string // regular expressions that match the whole of "sequence/step" and of "path: Kafka has …, Chronik …"
	why      string
}

// reviewedDifferences are those that are meant. Each hides no more than its reason says.
var reviewedDifferences = []difference{
	{`.*`, `.*\.(Port|Host): .*`, "the brokers listen at different addresses"},
	{`.*`, `\.ClusterID: .*`, "the clusters differ"},
	{`.*`, `.*\.Dir: .*`, "the directories differ"},
	{`.*`, `.*\.(TotalBytes|UsableBytes): .*`, "the disks are measured at different times"},
}

// review says which differences were reviewed, and remembers which of them it has met.
type review struct {
	entries  []difference
	step, at []*regexp.Regexp
	used     []bool
}

func newReview(entries []difference) *review {
	r := &review{entries: entries, used: make([]bool, len(entries))}
	for _, d := range entries {
		r.step = append(r.step, regexp.MustCompile(`^(?:`+d.step+`)$`))
		r.at = append(r.at, regexp.MustCompile(`^v[\d,]+ (?:`+d.at+`)$`))
	}
	return r
}

func (r *review) accepts(step, diff string) bool {
	for i := range r.entries {
		if r.step[i].MatchString(step) && r.at[i].MatchString(diff) {
			r.used[i] = true
			return true
		}
	}
	return false
}

func (r *review) unused() []difference {
	var out []difference
	for i, used := range r.used {
		if !used {
			out = append(out, r.entries[i])
		}
	}
	return out
}
