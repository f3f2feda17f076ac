package kafkaproto

// A schema says how a request looks on the wire, as Kafka's message definitions do. kmsg makes room for as many
// elements as an array claims to have before it has seen them, and reads as many tagged fields as are claimed.
// Therefore a request is walked along its schema first: what passes has all that it claims.
type schema []field

// field is one field of a request, present from version since to version until.
type field struct {
	kind         fieldKind
	since, until int16
	fields       schema // of an array's elements or a struct
	nullable     bool   // arrays only
	least        int    // the least bytes that one of them takes, in any version
}

type fieldKind uint8

const (
	kindFixed  fieldKind = iota // least bytes
	kindString                  // or null
	kindBytes
	kindArray    // an array of structs
	kindValues   // an array of single values
	kindOptional // a struct or, by a first byte of -1, none
)

const latestVersion = 1<<15 - 1

// The types of fields.
var (
	tBool   = field{kind: kindFixed, least: 1, until: latestVersion}
	tInt8   = field{kind: kindFixed, least: 1, until: latestVersion}
	tInt16  = field{kind: kindFixed, least: 2, until: latestVersion}
	tInt32  = field{kind: kindFixed, least: 4, until: latestVersion}
	tInt64  = field{kind: kindFixed, least: 8, until: latestVersion}
	tUUID   = field{kind: kindFixed, least: 16, until: latestVersion}
	tString = field{kind: kindString, least: 1, until: latestVersion}
	tBytes  = field{kind: kindBytes, least: 1, until: latestVersion}
)

// array is an array of structs with these fields.
func array(fields ...field) field {
	a := field{kind: kindArray, until: latestVersion, fields: fields}
	for _, f := range fields {
		if f.since == 0 && f.until == latestVersion {
			a.least += f.size()
		}
	}
	return a
}

// values is an array of single values.
func values(of field) field {
	return field{kind: kindValues, until: latestVersion, fields: schema{of}, least: of.least}
}

// optional is a struct that may be null.
func optional(fields ...field) field {
	return field{kind: kindOptional, until: latestVersion, fields: fields, least: 1}
}

// from says since which version a field is there; to, until which.
func (f field) from(version int16) field { f.since = version; return f }
func (f field) to(version int16) field   { f.until = version; return f }

// orNull says that an array may be null. kmsg would take null for empty everywhere; Kafka closes the connection.
func (f field) orNull() field { f.nullable = true; return f }

// size is the least that the field takes itself.
func (f field) size() int {
	if f.kind == kindArray || f.kind == kindValues {
		return 1
	}
	return f.least
}

// What kmsg takes for an element of an array or a tagged field, at most, in bytes.
const (
	structCost = 128
	valueCost  = 32
	tagCost    = 512 // it keeps unknown ones in a map
)

// check reports errMalformed when body is not a request of this schema, and otherwise about how many bytes of memory it
// takes to decode it. What comes behind the request is not looked at.
func (s schema) check(body []byte, version int16, flexible bool) (cost int, err error) {
	r := reader{in: body, flexible: flexible}
	cost = s.walk(&r, version)
	r.tags(nil)
	if r.bad {
		return 0, errMalformed
	}
	return cost + r.tagged*tagCost + len(body), nil
}

// walk reads the fields of a version and returns the cost of their elements.
func (s schema) walk(r *reader, version int16) (cost int) {
	for i := range s {
		f := &s[i]
		if version < f.since || version > f.until {
			continue
		}
		switch f.kind {
		case kindFixed:
			r.take(f.least)
		case kindString:
			r.stringBytes()
		case kindBytes:
			if r.bytes() == nil {
				r.fail()
			}
		case kindValues:
			for n := f.length(r); n > 0 && !r.bad; n-- {
				cost += valueCost + f.fields.walk(r, version)
			}
		case kindOptional:
			if r.int8() >= 0 {
				cost += structCost + f.fields.walk(r, version)
				r.tags(nil)
			}
		case kindArray:
			for n := f.length(r); n > 0 && !r.bad; n-- {
				cost += structCost + f.fields.walk(r, version)
				r.tags(nil)
			}
		}
		if r.bad {
			return cost
		}
	}
	return cost
}

// length reads the length of an array.
func (f *field) length(r *reader) int {
	n := r.array(f.least)
	if n < 0 && !f.nullable {
		r.fail()
	}
	return n
}

// hasBytes reports whether requests carry bytes.
func (s schema) hasBytes() bool {
	for i := range s {
		if s[i].kind == kindBytes || s[i].fields.hasBytes() {
			return true
		}
	}
	return false
}
