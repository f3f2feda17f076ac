package kafkaproto

import (
	"errors"
	"slices"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// leaderTag writes a tagged field that names a partition's leader (KIP-951).
func leaderTag(w *wire.Writer, tag int, l *replicas.LeaderHint) {
	w.Uvarint(tag)
	w.Uvarint(4 + 4 + 1)
	w.Int32(l.Leader)
	w.Int32(l.LeaderEpoch)
	w.Uvarint(0)
}

// hintsAtLeader reports whether an answer with err names the leader.
func hintsAtLeader(err error) bool {
	return errors.Is(err, fault.NotLeaderOrFollower) || errors.Is(err, fault.FencedLeaderEpoch)
}

// endpoints ends an answer with its tagged fields: the endpoints of the leaders that it names (KIP-951), if
// the version has a place for them.
func (x *exchange) endpoints(w *wire.Writer, leaders []int32, hasPlace bool) {
	var named []endpoint
	if hasPlace && len(leaders) > 0 {
		for _, b := range x.brokers() {
			if slices.Contains(leaders, b.node) {
				named = append(named, b)
			}
		}
	}
	if len(named) == 0 {
		w.NoTags()
		return
	}
	w.Uvarint(1)
	w.Tag(0, func(w *wire.Writer) {
		w.Length(len(named))
		for _, b := range named {
			w.Int32(b.node)
			w.String(b.host)
			w.Int32(b.port)
			w.Nullable(b.rack)
			w.NoTags()
		}
	})
}
