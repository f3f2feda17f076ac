package quota

import (
	"encoding/binary"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Replicas are the partitions of a topic whose replicas on one broker are throttled (KIP-73). The zero value is none.
// Values can be compared by ==.
type Replicas struct {
	all     bool
	indexes string // of partitions, in order, four bytes each
}

// ReplicasOn returns the replicas that list names for a broker. Its elements are partition:broker, or it is "*" for
// all. Other elements are ignored.
func ReplicasOn(broker int32, list []string) Replicas {
	if slices.Contains(list, "*") {
		return Replicas{all: true}
	}
	var indexes []int32
	for _, element := range list {
		index, on, _ := strings.Cut(element, ":")
		i, err := strconv.ParseInt(index, 10, 32)
		if at, failed := strconv.ParseInt(on, 10, 32); err == nil && failed == nil && int32(at) == broker {
			indexes = append(indexes, int32(i))
		}
	}
	slices.Sort(indexes)
	packed := make([]byte, 0, 4*len(indexes))
	for _, i := range slices.Compact(indexes) {
		packed = binary.BigEndian.AppendUint32(packed, uint32(i))
	}
	return Replicas{indexes: string(packed)}
}

// Has reports whether the broker's replica of the partition is throttled. It does not allocate.
func (r Replicas) Has(partition int32) bool {
	if r.indexes == "" {
		return r.all
	}
	_, found := sort.Find(len(r.indexes)/4, func(i int) int { return int(partition) - int(r.at(i)) })
	return found
}

func (r Replicas) at(i int) int32 {
	s := r.indexes[4*i : 4*i+4]
	return int32(s[0])<<24 | int32(s[1])<<16 | int32(s[2])<<8 | int32(s[3])
}
