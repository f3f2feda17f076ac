package configdef

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rule says which values a config may have. The zero Rule allows every value of the type.
type Rule struct {
	text string // as Kafka's documentation writes it
	// refuse returns the part of the value that is not allowed, and the reason, which is "" if the value is allowed.
	refuse func(key string, value any) (bad any, reason string)
}

// String describes the allowed values, as Kafka's documentation does; "" for all.
func (r Rule) String() string { return r.text }

func (r Rule) check(key string, value any) (bad any, reason string) {
	if r.refuse == nil {
		return nil, ""
	}
	return r.refuse(key, value)
}

// atLeast allows numbers from low on.
func atLeast(low int64) Rule {
	return Rule{fmt.Sprintf("[%d,...]", low), func(_ string, value any) (any, string) {
		if number(value) < float64(low) {
			return value, fmt.Sprintf("Value must be at least %d", low)
		}
		return nil, ""
	}}
}

// atLeastNamed is atLeast for a config that Kafka checks separately, with a different message.
func atLeastNamed(low int64) Rule {
	return Rule{fmt.Sprintf("[%d,...]", low), func(key string, value any) (any, string) {
		if number(value) < float64(low) {
			return value, fmt.Sprintf("%s must be greater than or equal to %d", key, low)
		}
		return nil, ""
	}}
}

// between allows numbers from low to high.
func between(low, high int64) Rule {
	return Rule{fmt.Sprintf("[%d,...,%d]", low, high), func(_ string, value any) (any, string) {
		switch n := number(value); {
		case n < float64(low):
			return value, fmt.Sprintf("Value must be at least %d", low)
		case n > float64(high):
			return value, fmt.Sprintf("Value must be no more than %d", high)
		}
		return nil, ""
	}}
}

// unlimitedOrAtLeast allows negative numbers, which stand for "no limit", and numbers from low on.
func unlimitedOrAtLeast(low int64) Rule {
	return Rule{fmt.Sprintf("-1 or [%d,...]", low), func(key string, value any) (any, string) {
		if n := number(value); n >= 0 && n < float64(low) {
			return value, fmt.Sprintf("%s must be unlimited (-1) or, greater than or equal to %d", key, low)
		}
		return nil, ""
	}}
}

// gzipLevel allows the levels of gzip and -1, its default.
var gzipLevel = Rule{"[1,...,9] or -1", func(_ string, value any) (any, string) {
	if n := number(value); n != -1 && (n < 1 || n > 9) {
		return value, "Value must be between 1 and 9 or equal to -1"
	}
	return nil, ""
}}

func number(value any) float64 {
	switch v := value.(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

// nonEmpty allows every text but the empty one.
var nonEmpty = Rule{"non-empty string", func(_ string, value any) (any, string) {
	if value == "" {
		return value, "String must be non-empty"
	}
	return nil, ""
}}

// oneOf allows these texts.
func oneOf(texts ...string) Rule {
	return Rule{"[" + strings.Join(texts, ", ") + "]", func(_ string, value any) (any, string) {
		if !slices.Contains(texts, value.(string)) {
			return value, "String must be one of: " + strings.Join(texts, ", ")
		}
		return nil, ""
	}}
}

// oneOfFold allows these texts, in upper and lower case.
func oneOfFold(texts ...string) Rule {
	return Rule{"(case insensitive) [" + strings.Join(texts, ", ") + "]", func(_ string, value any) (any, string) {
		if !slices.ContainsFunc(texts, func(t string) bool { return strings.EqualFold(t, value.(string)) }) {
			return value, "String must be one of (case insensitive): " + strings.Join(texts, ", ")
		}
		return nil, ""
	}}
}

// someOf allows lists of these texts, the empty list among them.
func someOf(texts ...string) Rule {
	return Rule{"[" + strings.Join(texts, ", ") + "]", func(_ string, value any) (any, string) {
		for _, element := range value.([]string) {
			if !slices.Contains(texts, element) {
				return element, "String must be one of: " + strings.Join(texts, ", ")
			}
		}
		return nil, ""
	}}
}

var throttledReplica = regexp.MustCompile(`^[0-9]+:[0-9]+$`)

const throttledReplicasForm = "[partitionId]:[brokerId],[partitionId]:[brokerId],..."

// throttledReplicas allows "*" for all replicas, and lists of partition:broker.
var throttledReplicas = Rule{throttledReplicasForm, func(key string, value any) (any, string) {
	list := value.([]string)
	if slices.Equal(list, []string{"*"}) {
		return nil, ""
	}
	for _, element := range list {
		if !throttledReplica.MatchString(element) {
			return value, key + " must be the literal '*' or a list of replicas in the following format: " +
				throttledReplicasForm
		}
	}
	return nil, ""
}}

// hostLimits allows host:number, separated by commas.
var hostLimits = Rule{"[host]:[number],[host]:[number],...", func(_ string, value any) (any, string) {
	for _, element := range splitList(value.(string)) {
		host, limit, _ := cutLast(element, ":")
		if n, err := strconv.ParseInt(limit, 10, 32); host == "" || err != nil || n < 0 {
			return value, "Value must be a list of host:number"
		}
	}
	return nil, ""
}}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
