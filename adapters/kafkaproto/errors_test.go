package kafkaproto

import (
	"context"
	"errors"
	"fmt"
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
		{"a kind with a detail", fault.New(fault.TopicExists, "Topic 'a' already exists."), kerr.TopicAlreadyExists.Code, true, "Topic 'a' already exists."},
		{"a wrapped fault", fmt.Errorf("create: %w", fault.New(fault.InvalidTopic, "bad name")), kerr.InvalidTopicException.Code, true, "bad name"},
		{"no fault", errors.New("disk on fire"), kerr.UnknownServerError.Code, false, ""},
		{"an unexpected fault", fault.New(fault.Unknown, "open secret/path"), kerr.UnknownServerError.Code, false, ""},
		{"an ended context", fmt.Errorf("wait: %w", context.Canceled), kerr.RequestTimedOut.Code, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, known := codeOf(c.err); code != c.code || known != c.known {
				t.Errorf("codeOf() = %d, %t, want %d, %t", code, known, c.code, c.known)
			}
			if got := orEmpty(messageOf(c.err)); got != c.message {
				t.Errorf("messageOf() = %q, want %q", got, c.message)
			}
		})
	}
}
