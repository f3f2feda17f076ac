package configdef

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Parse returns text as a value of the config's type: a bool, an int64 (Int, Short, Long), a float64, a
// []string (List) or a string. The error is fault.InvalidConfig with Kafka's message.
func (k *Key) Parse(text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch k.Type {
	case Boolean:
		switch {
		case strings.EqualFold(trimmed, "true"):
			return true, nil
		case strings.EqualFold(trimmed, "false"):
			return false, nil
		}
		return nil, invalid(k.Name, text, "Expected value to be either true or false")
	case Int, Short, Long:
		n, err := strconv.ParseInt(trimmed, 10, bits(k.Type))
		if err != nil {
			return nil, invalid(k.Name, text, "Not a number of type "+k.Type.String())
		}
		return n, nil
	case Double:
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil || math.IsNaN(f) {
			return nil, invalid(k.Name, text, "Not a number of type DOUBLE")
		}
		return f, nil
	case List:
		return withoutRepeats(splitList(trimmed)), nil
	default:
		return trimmed, nil
	}
}

// withoutRepeats returns list without repeated elements, as Kafka reads lists.
func withoutRepeats(list []string) []string {
	kept := list[:0]
	for _, element := range list {
		if !slices.Contains(kept, element) {
			kept = append(kept, element)
		}
	}
	return kept
}

func bits(t Type) int {
	switch t {
	case Int:
		return 32
	case Short:
		return 16
	default:
		return 64
	}
}

// Format returns a value from Parse as Kafka shows it.
func Format(value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ",")
	case float64:
		return formatDouble(v)
	default:
		return fmt.Sprint(v)
	}
}

// formatDouble writes v as Java does: with a decimal point always, and with an exponent from 10^7 on and below 10^-3.
func formatDouble(v float64) string {
	abs := math.Abs(v)
	if abs != 0 && (abs < 1e-3 || abs >= 1e7) && !math.IsInf(v, 0) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, 64), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		e, _ := strconv.Atoi(exponent) // FormatFloat wrote it
		return mantissa + "E" + strconv.Itoa(e)
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") && !math.IsInf(v, 0) {
		text += ".0"
	}
	return text
}
