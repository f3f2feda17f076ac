package kafkaproto

import (
	"errors"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// leaderTag writes a tagged field that names a partition's leader (KIP-951).
func (w *writer) leaderTag(tag int, l *replicas.LeaderHint) {
	w.uvarint(tag)
	w.uvarint(4 + 4 + 1)
	w.int32(l.Leader)
	w.int32(l.LeaderEpoch)
	w.uvarint(0)
}

// hintsAtLeader reports whether err is one that comes with the leader's name.
func hintsAtLeader(err error) bool {
	return errors.Is(err, fault.NotLeaderOrFollower) || errors.Is(err, fault.FencedLeaderEpoch)
}

// endpoints ends an answer with its tagged fields: the endpoints of the leaders that it names (KIP-951), if
// the version has a place for them.
func (x *exchange) endpoints(w *writer, leaders []int32, hasPlace bool) {
	var named []endpoint
	if hasPlace && len(leaders) > 0 {
		for _, b := range x.brokers() {
			if slices.Contains(leaders, b.node) {
				named = append(named, b)
			}
		}
	}
	if len(named) == 0 {
		w.noTags()
		return
	}
	w.uvarint(1)
	w.tag(0, func(w *writer) {
		w.length(len(named))
		for _, b := range named {
			w.int32(b.node)
			w.string(b.host)
			w.int32(b.port)
			w.nullable(b.rack)
			w.noTags()
		}
	})
}
