package differential

import (
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// initProducer requests a producer id, or the next epoch of the kept one.
func initProducer(edit func(w *world, r *kmsg.InitProducerIDRequest)) builder {
	return ask(kmsg.NewPtrInitProducerIDRequest, func(w *world, r *kmsg.InitProducerIDRequest) {
		r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 60_000, -1, -1
		edit(w, r)
	})
}

func keepProducer(w *world, resp kmsg.Response) {
	w.numbers["producer"] = resp.(*kmsg.InitProducerIDResponse).ProducerID
}

// from are n records of the kept producer in an epoch, from a sequence number on.
func from(epoch int16, sequence int32, n int) func(*world, int16) []byte {
	return func(w *world, _ int16) []byte { return ofProducer(w.numbers["producer"], epoch, sequence, n) }
}

func ofProducer(id int64, epoch int16, sequence int32, n int) []byte {
	return harness.EditedBatch(func(b *kmsg.RecordBatch) {
		b.ProducerID, b.ProducerEpoch, b.FirstSequence = id, epoch,
			sequence
	}, make([]string, n)...)
}

func describeProducers(topic string, partitions ...int32) builder {
	return ask(kmsg.NewPtrDescribeProducersRequest, func(_ *world, r *kmsg.DescribeProducersRequest) {
		r.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: topic, Partitions: partitions}}
	})
}

var idempotenceSteps = slices.Concat(made("idem", 2), made("disputed-idem", 1), made("wrap", 1), made("fresh", 1),
	[]step{
		on("a producer id in the end", 5, 5, initProducer(func(*world,
			*kmsg.InitProducerIDRequest) {
		})).until(func(resp kmsg.Response) bool {
			return resp.(*kmsg.InitProducerIDResponse).ErrorCode == 0
		}),
		on("a producer id", 0, 5, initProducer(func(*world, *kmsg.InitProducerIDRequest) {})).keeping(keepProducer),
		on("the next epoch of a producer", 3, 5, initProducer(func(w *world, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = w.numbers["producer"], 0
		})),
		on("the next epoch of an unknown producer", 3, 5, initProducer(func(_ *world, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = 123456, 0
		})),
		on("the epoch behind the last", 3, 5, initProducer(func(w *world, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = w.numbers["producer"], math.MaxInt16
		})),
		on("an epoch without a producer", 3, 5, initProducer(func(_ *world, r *kmsg.InitProducerIDRequest) {
			r.ProducerEpoch = 3
		})),
		on("a producer without an epoch", 3, 5, initProducer(func(_ *world, r *kmsg.InitProducerIDRequest) {
			r.ProducerID = 3
		})),
		on("an empty transactional id", 0, 5, initProducer(func(_ *world, r *kmsg.InitProducerIDRequest) {
			r.TransactionalID = new(string)
		})),
		on("a transactional id", 0, 5, initProducer(func(_ *world, r *kmsg.InitProducerIDRequest) {
			r.TransactionalID = kmsg.StringPtr("txn")
		})),

		on("a producer id to use", 5, 5, initProducer(func(*world, *kmsg.InitProducerIDRequest) {})).keeping(keepProducer),
		on("the first batch", 3, 13, produce("idem", from(0, 0, 2))),
		on("the second batch", 3, 13, produce("idem", from(0, 2, 1))),
		on("the first batch again", 3, 13, produce("idem", from(0, 0, 2))),
		on("a part of the first batch", 3, 13, produce("idem", from(0, 0, 1))),
		on("a sequence ahead", 3, 13, produce("idem", from(0, 7, 1))),
		on("a sequence behind", 3, 13, produce("idem", from(0, 1, 1))),
		on("batches three to eight", 3, 3, produce("idem", from(0, 3, 1))),
		on("batch four", 3, 3, produce("idem", from(0, 4, 1))),
		on("batch five", 3, 3, produce("idem", from(0, 5, 1))),
		on("batch six", 3, 3, produce("idem", from(0, 6, 1))),
		on("batch seven", 3, 3, produce("idem", from(0, 7, 1))),
		on("a duplicate within the last five", 3, 13, produce("idem", from(0, 4, 1))),
		on("a duplicate behind the last five", 3, 13, produce("idem", from(0, 0, 2))),
		on("a new epoch amid a sequence", 3, 13, produce("idem", from(1, 8, 1))),
		on("a new epoch", 3, 13, produce("idem", from(1, 0, 1))),
		on("the old epoch", 3, 13, produce("idem", from(0, 8, 1))),
		on("an unknown producer from the start", 13, 13, produce("idem", these(ofProducer(5555, 0, 0, 1)))),
		on("an unknown producer amid a sequence", 3, 13, produce("idem", these(ofProducer(6666, 3, 50, 1)))),
		on("a producer without a sequence", 3, 13, produce("idem", these(ofProducer(7777, 0, -1, 1)))),
		on("a producer without an epoch in a batch", 3, 13, produce("disputed-idem", these(ofProducer(7777, -1, 0, 1)))),
		on("a sequence without a producer", 13, 13, produce("idem", these(ofProducer(-1, -1, 4, 1)))),
		on("an unknown producer to an empty log", 13, 13, produce("fresh", these(ofProducer(8888, 1, 40, 1)))),
		on("up to the last sequence", 13, 13, produce("wrap", these(ofProducer(9999, 0, math.MaxInt32-1, 2)))),
		on("around to the first sequence", 13, 13, produce("wrap", these(ofProducer(9999, 0, 0, 2)))),
		on("the last sequence again", 13, 13, produce("wrap", these(ofProducer(9999, 0, math.MaxInt32-1, 2)))),
		on("over the last sequence", 13, 13, produce("wrap", these(ofProducer(9998, 0, math.MaxInt32, 2)))),
		on("behind what went over", 13, 13, produce("wrap", these(ofProducer(9998, 0, 1, 2)))),
		on("the producers", 0, 0, describeProducers("wrap", 0)),
		on("the producers of nothing", 0, 0, describeProducers("idem", 1, 5)),
		on("the producers of an unknown topic", 0, 0, describeProducers("nowhere", 0)),
		on("the producers of an invalid name", 0, 0, describeProducers("a/b", 0)),
	})
