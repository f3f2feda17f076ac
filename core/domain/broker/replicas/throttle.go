package replicas

import (
	"math"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/ports"
)

// replicationQuota limits the bandwidth of throttled replicas in one direction (KIP-73). Other replicas do not count.
type replicationQuota struct {
	clock ports.Clock
	began time.Time // zero of the durations that rate counts in

	mu   sync.Mutex
	rate *quota.Rate
}

// quotaConfigs is what quotas need of the configs; see brokerconfigs.Configs.
type quotaConfigs interface{ Int(key string) int64 }

func newReplicationQuota(configs quotaConfigs, clock ports.Clock) *replicationQuota {
	size := time.Duration(configs.Int("replication.quota.window.size.seconds")) * time.Second
	windows := int(configs.Int("replication.quota.window.num"))
	return &replicationQuota{clock: clock, began: clock(), rate: quota.NewRate(windows, size)}
}

// leastWait is the shortest wait, so that a fetch is not woken for too few bytes.
const leastWait = time.Millisecond

// wait returns how long throttled replicas have to wait before more bytes may flow, 0 if they need not. limit is in
// bytes per second; math.MaxInt64 means no limit.
func (q *replicationQuota) wait(limit int64) time.Duration {
	if limit == math.MaxInt64 {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if wait := q.rate.Wait(limit, q.clock().Sub(q.began)); wait > 0 {
		return max(wait, leastWait)
	}
	return 0
}

// count adds bytes that were sent or received; a negative number takes them back.
func (q *replicationQuota) count(bytes int) {
	if bytes == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate.Record(int64(bytes), q.clock().Sub(q.began))
}

// perSecond returns the current rate of throttled replicas in bytes per second.
func (q *replicationQuota) perSecond() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rate.PerSecond(q.clock().Sub(q.began))
}
