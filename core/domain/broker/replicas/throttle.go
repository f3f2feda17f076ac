package replicas

import (
	"math"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/ports"
)

// replicationQuota is how much throttled replicas may take of the bandwidth, in one direction (KIP-73). Only they have anything to do with it.
type replicationQuota struct {
	clock ports.Clock
	began time.Time // of the time that the rate counts in

	mu   sync.Mutex
	rate *quota.Rate
}

// quotaConfigs is what quotas need to know of configs; see Configs.
type quotaConfigs interface{ Int(key string) int64 }

func newReplicationQuota(configs quotaConfigs, clock ports.Clock) *replicationQuota {
	size := time.Duration(configs.Int("replication.quota.window.size.seconds")) * time.Second
	return &replicationQuota{clock: clock, began: clock(), rate: quota.NewRate(int(configs.Int("replication.quota.window.num")), size)}
}

// leastWait is the shortest wait: nobody is woken for what is too little to send.
const leastWait = time.Millisecond

// wait returns how long the throttled replicas have to wait until they may take more, 0 when they need not.
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

// count notes that so many bytes were taken.
func (q *replicationQuota) count(bytes int) {
	if bytes == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.rate.Record(int64(bytes), q.clock().Sub(q.began))
}

// perSecond returns how many bytes per second throttled replicas take.
func (q *replicationQuota) perSecond() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.rate.PerSecond(q.clock().Sub(q.began))
}
