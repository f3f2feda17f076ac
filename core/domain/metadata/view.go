package metadata

import "github.com/chronik-stream/chronik/core/domain/fault"

// View is an image as one client sees it. The client has connected to broker self by a listener, and can reach the
// other brokers that have an address for that listener. A View is made for one request and is not safe for concurrent
// use. Every answer that contains topics looks them up through a View, so that all follow the same rules, in one image.
// An authorizer will hide topics here that a principal may not describe.
type View struct {
	*Image
	listener string
	self     int32
	alive    map[int32]bool // the results of Alive; nil before its first call
}

// ViewOf returns the view of a client that has connected to broker self by the listener of that name.
func ViewOf(img *Image, listener string, self int32) *View {
	return &View{Image: img, listener: listener, self: self}
}

// Alive reports whether the client can use a broker: it is not fenced and has an address for the client's listener. The
// broker that the client has connected to is always alive.
func (v *View) Alive(id int32) bool {
	if v.alive == nil {
		v.alive = map[int32]bool{v.self: true}
		for b := range v.Brokers() {
			if _, ok := b.Endpoint(v.listener); ok && !b.Fenced {
				v.alive[b.ID] = true
			}
		}
	}
	return v.alive[id]
}

// Offline returns the replicas whose brokers are not alive. The slice is never nil.
func (v *View) Offline(replicas []int32) []int32 {
	offline := []int32{}
	for _, id := range replicas {
		if !v.Alive(id) {
			offline = append(offline, id)
		}
	}
	return offline
}

// Leader returns a partition's leader, or -1 and the reason: fault.ListenerNotFound when the client cannot reach the
// leader, else LeaderNotAvailable.
func (v *View) Leader(p *Partition) (int32, error) {
	if p.Leader >= 0 && v.Alive(p.Leader) {
		return p.Leader, nil
	}
	if b, ok := v.Broker(p.Leader); p.Leader >= 0 && ok && !b.Fenced {
		return -1, fault.ListenerNotFound
	}
	return -1, fault.LeaderNotAvailable
}

// Resolve finds a topic by its id or by its name, whichever the request's version has. Errors: fault.UnknownTopicID and
// UnknownTopicOrPartition.
func (v *View) Resolve(name string, id TopicID, byID bool) (*Topic, error) {
	if byID {
		if t, ok := v.TopicByID(id); ok {
			return t, nil
		}
		return nil, fault.UnknownTopicID
	}
	if t, ok := v.Topic(name); ok {
		return t, nil
	}
	return nil, fault.UnknownTopicOrPartition
}

// Has reports whether the topic has a partition of that index.
func (t *Topic) Has(partition int32) bool {
	return partition >= 0 && int(partition) < len(t.Partitions)
}
