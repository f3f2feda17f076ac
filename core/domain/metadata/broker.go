package metadata

import (
	"maps"
	"math"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Broker is a registered broker.
type Broker struct {
	ID          int32    `cbor:"1,keyasint"`
	Incarnation [16]byte `cbor:"2,keyasint"` // one per start of the process
	Epoch       int64    `cbor:"3,keyasint"` // the number of the command that registered the incarnation
	Rack        string   `cbor:"4,keyasint"` // "" for none
	// Fenced brokers neither lead partitions nor are in sync, except where they were the last in-sync replica.
	Fenced bool `cbor:"5,keyasint"`
	// Endpoints are where clients and other brokers reach the broker. A standalone broker has none.
	Endpoints []Endpoint `cbor:"6,keyasint,omitempty"`
	// ShuttingDown is set during a controlled shutdown: the broker has handed over its leaderships, and serves
	// followers and clients until it stops.
	ShuttingDown bool `cbor:"7,keyasint,omitempty"`
	// Features are what the broker's program supports.
	Features map[string]LevelRange `cbor:"8,keyasint,omitempty"`
}

// Endpoint is the address of one of a broker's listeners.
type Endpoint struct {
	Listener string `cbor:"1,keyasint"`
	Host     string `cbor:"2,keyasint"`
	Port     int32  `cbor:"3,keyasint"`
}

// Active reports whether the broker may lead partitions and be in sync.
func (b *Broker) Active() bool { return !b.Fenced && !b.ShuttingDown }

// Endpoint returns the broker's address for a listener's name.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.Listener == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

// registerBroker keeps the epoch of a broker that registers the same incarnation again, so that a repeated command
// changes nothing. As in Kafka, a new epoch is the number of the command that registers the broker.
func registerBroker(img *Image, cmd RegisterBroker) (*Image, Result, error) {
	if err := checkRegistration(cmd); err != nil {
		return nil, Result{}, err
	}
	if err := checkFeatures(img, cmd); err != nil {
		return nil, Result{}, err
	}
	b := &Broker{
		ID:          cmd.ID,
		Incarnation: cmd.Incarnation,
		Epoch:       int64(img.index) + 1,
		Rack:        cmd.Rack,
		Fenced:      cmd.Fenced,
		Endpoints:   slices.Clone(cmd.Endpoints),
		Features:    maps.Clone(cmd.Features),
	}
	old, known := img.Broker(cmd.ID)
	again := known && old.Incarnation == cmd.Incarnation
	if again {
		b.Epoch, b.Fenced, b.ShuttingDown = old.Epoch, old.Fenced, old.ShuttingDown
	}
	next := img.withBroker(b)
	switch {
	case again:
	case b.Fenced:
		next = next.handedOver(b.ID)
	case !known || !old.Active():
		next = next.electMissing()
	}
	return next, Result{BrokerEpoch: b.Epoch}, nil
}

// The most endpoints and features that a broker may register.
const (
	maxEndpoints = 64
	maxFeatures  = 64
)

func checkRegistration(cmd RegisterBroker) error {
	if cmd.ID < 0 {
		return fault.New(fault.InvalidRequest, "broker id %d is negative", cmd.ID)
	}
	if len(cmd.Endpoints) > maxEndpoints {
		return fault.New(fault.InvalidRequest, "broker %d has %d endpoints, allowed %d", cmd.ID, len(cmd.Endpoints),
			maxEndpoints)
	}
	if len(cmd.Features) > maxFeatures {
		return fault.New(fault.InvalidRequest, "broker %d has %d features, allowed %d", cmd.ID, len(cmd.Features),
			maxFeatures)
	}
	if err := checkText(slices.Collect(maps.Keys(cmd.Features))...); err != nil {
		return err
	}
	listeners := make(map[string]bool, len(cmd.Endpoints))
	for _, e := range cmd.Endpoints {
		if e.Port < 1 || e.Port > math.MaxUint16 || e.Host == "" {
			return fault.New(fault.InvalidRequest, "endpoint %s of broker %d is %q, port %d", e.Listener, cmd.ID,
				e.Host, e.Port)
		}
		if listeners[e.Listener] {
			return fault.New(fault.InvalidRequest, "broker %d has two endpoints for listener %s", cmd.ID, e.Listener)
		}
		listeners[e.Listener] = true
		if err := checkText(e.Listener, e.Host); err != nil {
			return err
		}
	}
	return checkText(cmd.Rack)
}

// registered returns the broker if epoch is its current one. Otherwise the error is fault.StaleBrokerEpoch with Kafka's
// message.
func (i *Image) registered(id int32, epoch int64) (*Broker, error) {
	b, ok := i.Broker(id)
	switch {
	case !ok:
		return nil, fault.New(fault.StaleBrokerEpoch, "No broker registration found for broker id %d", id)
	case b.Epoch != epoch:
		return nil, fault.New(fault.StaleBrokerEpoch, "Expected broker epoch %d, but got broker epoch %d",
			b.Epoch, epoch)
	}
	return b, nil
}

// withBroker returns a copy of i in which b replaces the broker with the same id.
func (i *Image) withBroker(b *Broker) *Image {
	next := *i
	next.brokers = i.brokers.set(brokerKey(b.ID), b)
	return &next
}

func fenceBroker(img *Image, cmd FenceBroker) (*Image, Result, error) {
	old, err := img.registered(cmd.ID, cmd.Epoch)
	if err != nil {
		return nil, Result{}, err
	}
	if old.Fenced {
		return img, Result{}, nil
	}
	b := *old
	b.Fenced, b.ShuttingDown = true, false
	return img.withBroker(&b).handedOver(b.ID), Result{}, nil
}

func unfenceBroker(img *Image, cmd UnfenceBroker) (*Image, Result, error) {
	old, err := img.registered(cmd.ID, cmd.Epoch)
	if err != nil {
		return nil, Result{}, err
	}
	if !old.Fenced {
		return img, Result{}, nil
	}
	b := *old
	b.Fenced = false
	return img.withBroker(&b).electMissing(), Result{}, nil
}

func shutDownBroker(img *Image, cmd ShutDownBroker) (*Image, Result, error) {
	old, err := img.registered(cmd.ID, cmd.Epoch)
	if err != nil {
		return nil, Result{}, err
	}
	if !old.Active() {
		return img, Result{}, nil
	}
	b := *old
	b.ShuttingDown = true
	return img.withBroker(&b).handedOver(b.ID), Result{}, nil
}

func unregisterBroker(img *Image, cmd UnregisterBroker) (*Image, Result, error) {
	b, ok := img.Broker(cmd.ID)
	switch {
	case !ok:
		return nil, Result{}, fault.New(fault.BrokerIDNotRegistered, "Broker ID %d is not currently registered", cmd.ID)
	case !b.Fenced && img.holds(cmd.ID):
		return nil, Result{}, fault.New(fault.InvalidRequest,
			"broker %d is not fenced and holds replicas: move them away or stop it first", cmd.ID)
	}
	next := *img
	next.brokers = img.brokers.remove(brokerKey(cmd.ID))
	return &next, Result{}, nil
}

// holds reports whether the broker has a replica of any partition. It walks all partitions.
func (i *Image) holds(id int32) bool {
	for t := range i.Topics() {
		for n := range t.Partitions {
			if slices.Contains(t.Partitions[n].Replicas, id) {
				return true
			}
		}
	}
	return false
}

// Behind returns the number of partitions with a leader in which the broker is an out-of-sync replica. Partitions that
// a reassignment is adding to the broker do not count. It walks all partitions.
func (i *Image) Behind(id int32) int {
	count := 0
	for t := range i.Topics() {
		for n := range t.Partitions {
			p := &t.Partitions[n]
			if p.Leader != noLeader && slices.Contains(p.Replicas, id) && !slices.Contains(p.ISR, id) &&
				!slices.Contains(p.Adding, id) {
				count++
			}
		}
	}
	return count
}

// InNeed counts the partitions without leader and the under-replicated ones. As in Kafka's UnderReplicatedPartitions, a
// replica that a reassignment is adding need not be in sync. It walks all partitions.
func (i *Image) InNeed() (withoutLeader, underReplicated int) {
	for t := range i.Topics() {
		for n := range t.Partitions {
			p := &t.Partitions[n]
			if p.Leader == noLeader {
				withoutLeader++
			}
			if slices.ContainsFunc(p.Replicas, func(id int32) bool {
				return !slices.Contains(p.ISR, id) && !slices.Contains(p.Adding, id)
			}) {
				underReplicated++
			}
		}
	}
	return withoutLeader, underReplicated
}

// Leads reports whether the broker leads any partition. It walks all partitions.
func (i *Image) Leads(id int32) bool {
	for t := range i.Topics() {
		for n := range t.Partitions {
			if t.Partitions[n].Leader == id {
				return true
			}
		}
	}
	return false
}
