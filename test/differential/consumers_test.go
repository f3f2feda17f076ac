package differential

import (
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// The forms that are taken are those of TestAnswersAreThoseOfApacheKafka. A consumer that cannot read one of them does
// not get past it.
func TestWhatIsTakenOfEveryCodecIsReadByKafkasConsumer(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "forms", "--partitions", "1")
	w, taken := newWorld(t, b.Addr), 0
	for _, form := range compressedForms {
		c := w.connection("")
		if err := c.send(produce("forms", these(form.data))(w, 9)); err != nil {
			t.Fatal(err)
		}
		answer, ok := c.receive().resp.(*kmsg.ProduceResponse)
		if !ok {
			t.Fatalf("%s: no answer", form.name)
		}
		if answer.Topics[0].Partitions[0].ErrorCode == 0 {
			taken++
		}
	}
	if taken < 40 {
		t.Errorf("%d forms are taken, fewer than Kafka takes", taken)
	}
	read := b.Kafka(t, "console-consumer", "--topic", "forms", "--from-beginning", "--max-messages",
		strconv.Itoa(2*taken), "--timeout-ms", "60000")
	for _, value := range []string{"first\n", "second\n"} {
		if n := strings.Count(read, value); n != taken {
			t.Errorf("%q was read %d times, taken %d times:\n%s", value, n, taken, read)
		}
	}
}

// Kafka's producer splits a batch when it is told MESSAGE_TOO_LARGE, and gives it up when it is told
// that a segment cannot hold it.
func TestKafkasProducerSplitsABatchLargerThanASegment(t *testing.T) {
	b := harness.Start(t, "")
	b.Kafka(t, "topics", "--create", "--topic", "split", "--partitions", "1", "--config", "segment.bytes=1048576")
	out := b.Kafka(t, "producer-perf-test", "--topic", "split", "--num-records", "6000", "--record-size", "1000",
		"--throughput", "-1",
		"--producer-props", "batch.size=3000000", "linger.ms=1000", "max.request.size=5000000", "acks=all")
	harness.Wants(t, out, "6000 records sent")
	harness.Wants(t, b.Kafka(t, "get-offsets", "--topic", "split"), "split:0:6000")
}
