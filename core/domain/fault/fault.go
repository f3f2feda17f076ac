// Package fault names what can go wrong in a broker. A fault is a kind, which says which rule was broken or which
// condition was met, and a detail, which names the object and the limit. Services compare kinds with errors.Is.
// Adapters map them to what their clients understand: adapters/internal/kafkaerrors to Kafka's error codes. The package
// itself knows no protocol.
package fault

import (
	"errors"
	"fmt"
)

// Error is a fault with its kind, a detail for people and perhaps a cause.
type Error struct {
	Kind   Kind
	Detail string // the object and the limit: `topic "orders": 0 partitions, allowed 1 to 4096`
	Cause  error  // nil when a rule was broken rather than an operation failing
}

// New returns a fault of kind k whose detail is formatted as by fmt.Sprintf. A final error
// argument formatted with %w becomes its cause.
func New(k Kind, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Kind: k, Detail: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// Error returns the detail, or the kind's name when there is none.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Kind.String()
	}
	return e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, k) hold for every fault of kind k, whatever its detail.
func (e *Error) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && k == e.Kind
}

// NoController reports whether err says that the metadata quorum has no leader at the moment, or that its leader has
// not answered in time: NotController or RequestTimedOut. The condition passes when a leader is elected; then the
// command may be repeated. A command that has timed out may have been carried out.
func NoController(err error) bool {
	return errors.Is(err, NotController) || errors.Is(err, RequestTimedOut)
}

// KindOf returns the kind of the outermost fault in err's chain, None for nil, and Unknown for an error that is no
// fault.
func KindOf(err error) Kind {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // the chain is walked here, so that the outermost fault wins
		case Kind:
			return e
		case *Error:
			return e.Kind
		}
	}
	if err == nil {
		return None
	}
	if e, ok := errors.AsType[*Error](err); ok { // behind a joined error
		return e.Kind
	}
	if k, ok := errors.AsType[Kind](err); ok {
		return k
	}
	return Unknown
}
