package kafkaerrors

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestEveryKindOfFaultHasAKafkaErrorCode(t *testing.T) {
	for _, k := range fault.Kinds() {
		if codes[k] == nil {
			t.Errorf("%v has no Kafka error code", k)
		}
	}
}

// The list is that of org.apache.kafka.common.protocol.Errors: code, name, and whether its exception is a
// RetriableException.
func TestKindsAreKafkasErrors(t *testing.T) {
	list, err := os.ReadFile("testdata/kafka-4.4.0-errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[fault.Kind]bool{fault.Overloaded: true} // Kafka has none
	for line := range strings.Lines(string(list)) {
		var (
			code      int16
			name      string
			retriable bool
		)
		if _, err := fmt.Sscan(line, &code, &name, &retriable); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if code == 0 {
			continue
		}
		kind, ok := kinds[code]
		if !ok || Name(code) != name {
			t.Errorf("error %d, %s, has no kind", code, name)
			continue
		}
		listed[kind] = true
		if kind.Retriable() != retriable {
			t.Errorf("%s: Retriable() = %t", name, kind.Retriable())
		}
	}
	for _, kind := range fault.Kinds() {
		if !listed[kind] {
			t.Errorf("Kafka has no error like %v", kind)
		}
	}
}

func TestErrorsBecomeCodesAndMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		code    int16
		known   bool
		message string // "" for null
	}{
		{"nothing", nil, 0, true, ""},
		{"a bare kind", fault.TopicExists, kerr.TopicAlreadyExists.Code, true, ""},
		{
			"a kind with a detail", fault.New(fault.TopicExists, "Topic 'a' already exists."),
			kerr.TopicAlreadyExists.Code, true, "Topic 'a' already exists.",
		},
		{
			"a wrapped fault", fmt.Errorf("create: %w", fault.New(fault.InvalidTopic, "bad name")),
			kerr.InvalidTopicException.Code, true, "bad name",
		},
		{"no fault", errors.New("disk on fire"), kerr.UnknownServerError.Code, false, ""},
		{"an unexpected fault", fault.New(fault.Unknown, "open secret/path"), kerr.UnknownServerError.Code, false, ""},
		{"an ended context", fmt.Errorf("wait: %w", context.Canceled), kerr.RequestTimedOut.Code, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, known := Code(c.err); code != c.code || known != c.known {
				t.Errorf("Code() = %d, %t, want %d, %t", code, known, c.code, c.known)
			}
			got := ""
			if m := Message(c.err); m != nil {
				got = *m
			}
			if got != c.message {
				t.Errorf("Message() = %q, want %q", got, c.message)
			}
		})
	}
}

func TestADescriptionSaysWhatTheCodeMeansWhenThereIsNoMessage(t *testing.T) {
	if got := Describe(fault.TopicExists); got == nil || *got != kerr.TopicAlreadyExists.Description {
		t.Errorf("of a bare kind: %v", got)
	}
	if got := Describe(fault.New(fault.TopicExists, "here")); got == nil || *got != "here" {
		t.Errorf("of a fault: %v", got)
	}
	if got := Describe(nil); got != nil {
		t.Errorf("of nothing: %q", *got)
	}
}

func TestAFaultThatIsSentIsReceived(t *testing.T) {
	detail := "partition 3 of orders"
	for _, k := range fault.Kinds() {
		if k == fault.Overloaded { // Kafka has no code for it
			continue
		}
		code, _ := Code(k)
		if got := Fault(code, nil); fault.KindOf(got) != k {
			t.Errorf("%v is received as %v", k, got)
		}
		got := Fault(code, &detail)
		if !errors.Is(got, k) || got.Error() != detail {
			t.Errorf("%v with a detail is received as %v: %v", k, fault.KindOf(got), got)
		}
	}
	if code, _ := Code(fault.Overloaded); !errors.Is(Fault(code, nil), fault.ThrottlingQuotaExceeded) {
		t.Error("a broker at its limits is not taken for a quota that is used up")
	}
}

func TestAnUnknownCodeIsAnUnknownFault(t *testing.T) {
	empty, detail := "", "from the future"
	for _, message := range []*string{nil, &empty} {
		if err := Fault(9999, message); fault.KindOf(err) != fault.Unknown ||
			!strings.Contains(err.Error(), "UNKNOWN_SERVER_ERROR") {
			t.Errorf("Fault() = %v", err)
		}
	}
	if err := Fault(9999, &detail); fault.KindOf(err) != fault.Unknown || err.Error() != detail {
		t.Errorf("with a message, Fault() = %v", err)
	}
	if err := Fault(0, &detail); err != nil {
		t.Errorf("no error is %v", err)
	}
}
