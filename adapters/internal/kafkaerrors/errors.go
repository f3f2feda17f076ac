package kafkaerrors

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Code returns the code with which err is answered, 0 for nil. known is false for an error without a kind: its answer
// is UNKNOWN_SERVER_ERROR without any detail, and it should be logged.
func Code(err error) (code int16, known bool) {
	if err == nil {
		return 0, true
	}
	kind := fault.KindOf(err)
	if kind == fault.Unknown && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return kerr.RequestTimedOut.Code, true // the broker stops or the client has gone; a remaining client may retry
	}
	k, ok := codes[kind]
	if !ok {
		return kerr.UnknownServerError.Code, false
	}
	return k.Code, kind != fault.Unknown
}

// Name returns Kafka's name of an error code, such as "NOT_LEADER_OR_FOLLOWER".
func Name(code int16) string {
	e, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	switch {
	case !ok:
		return "NONE"
	case e == kerr.NotLeaderForPartition:
		return "NOT_LEADER_OR_FOLLOWER" // kerr has the name that it had before Kafka 2.6
	}
	return e.Message
}

// Message returns err's text for the client, nil when it says no more than the code.
func Message(err error) *string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind == fault.Unknown || f.Detail == "" {
		return nil
	}
	return &f.Detail
}

// Describe is Message for those answers in which Kafka also describes the code.
func Describe(err error) *string {
	if m := Message(err); m != nil || err == nil {
		return m
	}
	code, _ := Code(err)
	e, ok := errors.AsType[*kerr.Error](kerr.ErrorForCode(code))
	if !ok {
		return nil
	}
	return &e.Description
}

// Fault returns the fault for the code of a broker's answer, with the answer's message as its detail unless that is
// null or empty. It is nil for code 0, and of kind fault.Unknown for a code that this program does not know.
func Fault(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	kind, ok := kinds[code]
	if !ok {
		kind = fault.Unknown
	}
	switch {
	case message != nil && *message != "":
		return &fault.Error{Kind: kind, Detail: *message}
	case kind == fault.Unknown:
		return fault.New(kind, "the other broker answers %w", kerr.ErrorForCode(code))
	}
	return kind
}
