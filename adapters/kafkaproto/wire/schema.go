package wire

// Schema describes a request's encoding, as Kafka's message definitions do. kmsg allocates as many elements as an array
// claims before it has read them, and reads as many tagged fields as are claimed. Therefore a request is checked
// against its schema first: one that passes has everything that it claims.
type Schema []Field

// Field is one field of a request, present from version since to version until.
type Field struct {
	kind         fieldKind
	since, until int16
	fields       Schema // of an array's elements or a struct
	nullable     bool   // arrays only
	least        int    // the least bytes that one of them takes, in any version
}

type fieldKind uint8

const (
	kindFixed  fieldKind = iota // least bytes
	kindString                  // may be null
	kindBytes
	kindArray    // an array of structs
	kindValues   // an array of single values
	kindOptional // a struct or, by a first byte of -1, none
)

// LatestVersion is above every version of every API.
const LatestVersion = 1<<15 - 1

// The types of fields. A String may be null.
var (
	Bool   = Field{kind: kindFixed, least: 1, until: LatestVersion}
	Int8   = Field{kind: kindFixed, least: 1, until: LatestVersion}
	Int16  = Field{kind: kindFixed, least: 2, until: LatestVersion}
	Int32  = Field{kind: kindFixed, least: 4, until: LatestVersion}
	Int64  = Field{kind: kindFixed, least: 8, until: LatestVersion}
	UUID   = Field{kind: kindFixed, least: 16, until: LatestVersion}
	String = Field{kind: kindString, least: 1, until: LatestVersion}
	Bytes  = Field{kind: kindBytes, least: 1, until: LatestVersion}
)

// Array is an array of structs with these fields.
func Array(fields ...Field) Field {
	a := Field{kind: kindArray, until: LatestVersion, fields: fields}
	for _, f := range fields {
		if f.since == 0 && f.until == LatestVersion {
			a.least += f.size()
		}
	}
	return a
}

// Values is an array of single values.
func Values(of Field) Field {
	return Field{kind: kindValues, until: LatestVersion, fields: Schema{of}, least: of.least}
}

// Optional is a struct that may be null.
func Optional(fields ...Field) Field {
	return Field{kind: kindOptional, until: LatestVersion, fields: fields, least: 1}
}

// From returns the field with the first version that has it.
func (f Field) From(version int16) Field { f.since = version; return f }

// To returns the field with the last version that has it.
func (f Field) To(version int16) Field { f.until = version; return f }

// OrNull returns the field as one that may be null, for an array. kmsg would take null for empty everywhere; Kafka
// closes the connection.
func (f Field) OrNull() Field { f.nullable = true; return f }

// size is the fewest bytes that the field takes itself.
func (f Field) size() int {
	if f.kind == kindArray || f.kind == kindValues {
		return 1
	}
	return f.least
}

// The most memory, in bytes, that kmsg takes for an element of an array or a tagged field.
const (
	structCost = 128
	valueCost  = 32
	tagCost    = 512 // kmsg keeps unknown ones in a map
)

// Check returns ErrMalformed when body is not a request of this schema, and otherwise the estimated bytes of memory
// that decoding takes. Bytes after the request are ignored.
func (s Schema) Check(body []byte, version int16, flexible bool) (cost int, err error) {
	r := NewReader(body, flexible)
	cost = s.Walk(&r, version)
	r.Tags(nil)
	if r.bad {
		return 0, ErrMalformed
	}
	return cost + r.tagged*tagCost + len(body), nil
}

// Walk reads the fields of a version and returns the cost of their elements.
func (s Schema) Walk(r *Reader, version int16) (cost int) {
	for i := range s {
		f := &s[i]
		if version < f.since || version > f.until {
			continue
		}
		switch f.kind {
		case kindFixed:
			r.Take(f.least)
		case kindString:
			r.StringBytes()
		case kindBytes:
			if r.Bytes() == nil {
				r.Fail()
			}
		case kindValues:
			for n := f.length(r); n > 0 && !r.bad; n-- {
				cost += valueCost + f.fields.Walk(r, version)
			}
		case kindOptional:
			if r.Int8() >= 0 {
				cost += structCost + f.fields.Walk(r, version)
				r.Tags(nil)
			}
		case kindArray:
			for n := f.length(r); n > 0 && !r.bad; n-- {
				cost += structCost + f.fields.Walk(r, version)
				r.Tags(nil)
			}
		}
		if r.bad {
			return cost
		}
	}
	return cost
}

// length reads the length of an array.
func (f *Field) length(r *Reader) int {
	n := r.Array(f.least)
	if n < 0 && !f.nullable {
		r.Fail()
	}
	return n
}

// HasBytes reports whether requests carry bytes.
func (s Schema) HasBytes() bool {
	for i := range s {
		if s[i].kind == kindBytes || s[i].fields.HasBytes() {
			return true
		}
	}
	return false
}
