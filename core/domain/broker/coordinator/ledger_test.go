package coordinator_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// topic is where the ledger is kept.
const topic = "__ledger"

// The ledger is the machine of these tests, the smallest one that uses everything that a Runtime has. It has accounts
// to which amounts are added. A sum changes when the record is appended to the log, and is answered after a barrier.
type (
	runtime = coordinator.Runtime[*account, posting]
	entry   = coordinator.Entry[*account, posting]
)

// account is the state of a key.
type account struct {
	sum       int64
	staged    map[int64]int64 // by producer: what counts when its transaction is committed
	postings  int             // that count, or are staged
	pending   int             // writes that are not durable yet
	closed    bool
	deadline  time.Time // when it is closed, zero for never
	abandoned error
}

func (a *account) Wake() time.Time { return a.deadline }
func (a *account) Size() int       { return 100 + 10*a.postings }
func (a *account) Vacant() bool    { return a.postings == 0 && a.pending == 0 }
func (a *account) Dead() bool      { return a.closed }

// posting is a record: an amount that is added to an account, or its end.
type posting struct {
	account  string
	amount   int64
	lifetime time.Duration // after which the account is closed, 0 for never
	closes   bool
}

func (p posting) Key() []byte { return []byte(p.account) }

func (p posting) Value() []byte {
	if p.closes {
		return nil
	}
	return []byte(strconv.FormatInt(p.amount, 10) + " " + p.lifetime.String())
}

func decode(key, value []byte) (account string, p posting, err error) {
	p.account = string(key)
	if strings.HasPrefix(p.account, "foreign") {
		return "", p, coordinator.ErrForeign
	}
	if value == nil {
		p.closes = true
		return p.account, p, nil
	}
	amount, lifetime, ok := strings.Cut(string(value), " ")
	if !ok {
		return "", p, errors.New("no posting")
	}
	if p.amount, err = strconv.ParseInt(amount, 10, 64); err != nil {
		return "", p, err
	}
	p.lifetime, err = time.ParseDuration(lifetime)
	return p.account, p, err
}

// apply applies a posting to the account.
func (a *account) apply(p posting, producer int64) {
	switch {
	case p.closes:
		*a = account{}
		return
	case producer != record.NoProducerID:
		a.staged[producer] += p.amount
	default:
		a.sum += p.amount
	}
	a.postings++
	if p.lifetime > 0 {
		a.deadline = time.Now().Add(p.lifetime)
	}
}

func (a *account) endTxn(producer int64, committed bool) {
	if committed {
		a.sum += a.staged[producer]
	}
	delete(a.staged, producer)
}

func newAccount(string) *account { return &account{staged: map[int64]int64{}} }

// ledger is a coordinator of accounts on one broker.
type ledger struct {
	*runtime
	memory *coordinator.Memory
}

func newLedger(d coordinator.Dependencies) *ledger {
	l := &ledger{memory: d.Memory}
	l.runtime = coordinator.New(coordinator.Machine[*account, posting]{
		Topic: topic, New: newAccount, Load: newAccount, Decode: decode,
		Apply:   func(a *account, p posting, from coordinator.Origin) { a.apply(p, from.Producer) },
		Restore: func(_ context.Context, e *entry) { e.State.restore() },
		Expire:  l.expire,
		Abandon: func(a *account, err error) { a.abandoned = err },
		EndTxn:  func(a *account, producer int64, committed bool) { a.endTxn(producer, committed) },
	}, d)
	return l
}

// restore gives an account with a deadline another minute.
func (a *account) restore() {
	if !a.deadline.IsZero() {
		a.deadline = time.Now().Add(time.Minute)
	}
}

// expire closes an account whose deadline has come.
func (l *ledger) expire(ctx context.Context, e *entry) {
	if !e.State.deadline.After(time.Now()) {
		_ = l.close(ctx, e, nil)
	}
}

// put writes postings, and calls then when they are durable.
func put(ctx context.Context, e *entry, w coordinator.Write[posting], done chan<- error, then func()) error {
	w.Written = func(context.Context, int64) {
		e.State.pending--
		then()
	}
	err := e.Write(ctx, w, done)
	if err == nil && len(w.Records) > 0 {
		e.State.pending++
	}
	return err
}

// Add adds an amount to an account, which it creates if necessary, and returns the sum after it.
func (l *ledger) Add(ctx context.Context, key string, amount int64) (sum int64, err error) {
	return l.Post(ctx, posting{account: key, amount: amount})
}

// Post is Add of a posting.
func (l *ledger) Post(ctx context.Context, p posting) (sum int64, err error) {
	done := make(chan error, 1)
	var refused error
	_, err = l.Step(ctx, p.account, true, func(e *entry) {
		w := coordinator.Write[posting]{Records: []posting{p}}
		if refused = put(ctx, e, w, done, func() {}); refused == nil {
			e.State.apply(p, record.NoProducerID)
			sum = e.State.sum
		}
	})
	if err == nil && refused == nil {
		err = l.Await(ctx, done)
	}
	return sum, cmp.Or(err, refused)
}

// Get returns the account's sum, 0 if there is none.
func (l *ledger) Get(ctx context.Context, key string) (sum int64, err error) {
	var done <-chan error
	err = l.View(ctx, key, func(e *entry) { sum, done = e.State.sum, e.Barrier() })
	if err != nil || done == nil {
		return 0, err
	}
	return sum, l.Await(ctx, done)
}

// Stage adds an amount that counts when the producer's transaction is committed.
func (l *ledger) Stage(ctx context.Context, key string, producer, amount int64) error {
	_, err := l.Update(ctx, key, true, func(e *entry, done chan<- error) error {
		p := posting{account: key, amount: amount}
		return put(ctx, e, coordinator.Write[posting]{
			Records: []posting{p}, Producer: &record.Producer{ID: producer, Sequence: record.NoSequence},
		}, done, func() { e.State.apply(p, producer) })
	})
	return err
}

// End ends the producer's transaction in the account's partition.
func (l *ledger) End(ctx context.Context, key string, producer int64, committed bool) error {
	return l.EndTxn(ctx, partitionOf(key), record.Producer{ID: producer}, record.EndTxn{Committed: committed})
}

// Close ends an account. found is false if there is none.
func (l *ledger) Close(ctx context.Context, key string) (found bool, err error) {
	return l.Update(ctx, key, false, func(e *entry, done chan<- error) error { return l.close(ctx, e, done) })
}

func (l *ledger) close(ctx context.Context, e *entry, done chan<- error) error {
	a := e.State
	a.deadline = time.Time{}
	w := coordinator.Write[posting]{Records: []posting{{account: e.Key(), closes: true}}}
	err := put(ctx, e, w, done, func() { a.postings = 0 })
	a.closed = err == nil
	return err
}

// Accounts returns the keys of all accounts on this broker.
func (l *ledger) Accounts(ctx context.Context) (keys []string, err error) {
	for _, p := range l.Partitions() {
		err := l.Each(ctx, p, func(e *entry) {
			if !e.State.Dead() {
				keys = append(keys, e.Key())
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// partitionOf returns the partition of an account in the fixture's topic.
func partitionOf(key string) int32 { return coordinator.PartitionFor(key, partitions) }
