package group

// ConsumerProtocolType is the protocol type of Kafka's consumers, whose subscriptions name topics.
const ConsumerProtocolType = "consumer"

// SubscribedTopics returns the topics in a ConsumerProtocolSubscription. All versions begin with the version (int16)
// and the topics. ok is false when the bytes are no such subscription.
func SubscribedTopics(subscription []byte) (topics []string, ok bool) {
	r := reader{in: subscription}
	if r.int16() < 0 {
		return nil, false
	}
	n := r.int32()
	for ; n > 0 && !r.bad; n-- {
		topics = append(topics, r.string())
	}
	return topics, n == 0 && !r.bad
}
