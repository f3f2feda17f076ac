package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// item is one value of a request: how it is written, and how it is read and compared.
type item struct {
	write func(*Writer)
	same  func(*Reader) bool
}

// anItem draws a value of any type.
func anItem(t *rapid.T) item {
	switch rapid.IntRange(0, 6).Draw(t, "type") {
	case 0:
		v := rapid.Int16().Draw(t, "int16")
		return item{func(w *Writer) { w.Int16(v) }, func(r *Reader) bool { return r.Int16() == v }}
	case 1:
		v := rapid.Int32().Draw(t, "int32")
		return item{func(w *Writer) { w.Int32(v) }, func(r *Reader) bool { return r.Int32() == v }}
	case 2:
		v := rapid.Int64().Draw(t, "int64")
		return item{func(w *Writer) { w.Int64(v) }, func(r *Reader) bool { return r.Int64() == v }}
	case 3:
		v := int(rapid.Uint32().Draw(t, "uvarint"))
		return item{func(w *Writer) { w.Uvarint(v) }, func(r *Reader) bool { return r.Uvarint() == v }}
	case 4:
		v := rapid.String().Draw(t, "string")
		return item{func(w *Writer) { w.String(v) }, func(r *Reader) bool { return string(r.Name()) == v }}
	case 5:
		return item{func(w *Writer) { w.Nullable(nil) }, func(r *Reader) bool { return r.StringBytes() == nil }}
	default:
		v := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		return item{
			func(w *Writer) { w.Length(len(v)); w.B = append(w.B, v...) },
			func(r *Reader) bool { return bytes.Equal(r.Bytes(), v) },
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		flexible := rapid.Bool().Draw(t, "flexible")
		items := rapid.SliceOfN(rapid.Custom(anItem), 0, 10).Draw(t, "items")
		w := Writer{Flexible: flexible}
		for _, it := range items {
			it.write(&w)
			w.NoTags()
		}
		var windows Windows
		stream := windows.Open(iotest.OneByteReader(bytes.NewReader(w.B)), len(w.B))
		defer windows.Close(stream)
		for name, r := range map[string]Reader{
			"whole": NewReader(w.B, flexible), "stream": NewStreamReader(stream, flexible),
		} {
			for n, it := range items {
				if !it.same(&r) || r.Bad() {
					t.Fatalf("%s: value %d is not what was written", name, n)
				}
				r.Tags(nil)
			}
			if r.Bad() || r.Left() != 0 {
				t.Fatalf("%s: bad %t, %d bytes left", name, r.Bad(), r.Left())
			}
		}
		if cut := rapid.IntRange(0, len(w.B)).Draw(t, "cut"); cut < len(w.B) {
			r := NewReader(w.B[:cut], flexible)
			for _, it := range items {
				it.same(&r)
				r.Tags(nil)
			}
			if !r.Bad() || r.Left() != 0 || r.Int64() != 0 {
				t.Fatalf("cut to %d of %d bytes, and not bad", cut, len(w.B))
			}
		}
	})
}

func TestTaggedFieldsAreShown(t *testing.T) {
	w := Writer{Flexible: true}
	w.Uvarint(2)
	w.Tag(3, func(w *Writer) { w.Int32(7) })
	w.Tag(1000, func(w *Writer) { w.String("later") })
	got := map[int]string{}
	r := NewReader(w.B, true)
	r.Tags(func(tag int, value []byte) { got[tag] = string(value) })
	if r.Bad() || got[3] != "\x00\x00\x00\x07" || got[1000] != "\x06later" {
		t.Errorf("tags are %v, bad %t", got, r.Bad())
	}
	r = NewReader([]byte{9}, false)
	if r.Tags(nil); r.Bad() || r.Left() != 1 {
		t.Error("a form without tags has some")
	}
}

func TestAClaimIsNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		read func(*Reader)
	}{
		"an array longer than the rest":       {"\x7f\xff\xff\xff\x00", func(r *Reader) { r.Array(1) }},
		"an array of less than null":          {"\xff\xff\xff\xfe", func(r *Reader) { r.Array(1) }},
		"a string longer than the rest":       {"\x00\x05abcd", func(r *Reader) { r.StringBytes() }},
		"a negative string":                   {"\xff\xfeab", func(r *Reader) { r.StringBytes() }},
		"null where a name is due":            {"\xff\xff", func(r *Reader) { r.Name() }},
		"bytes longer than the rest":          {"\x00\x00\x00\x02a", func(r *Reader) { r.Bytes() }},
		"a number without end":                {"\xff\xff\xff\xff\xff\xff\x01", func(r *Reader) { r.Uvarint() }},
		"a number of more than 32 bits":       {"\xff\xff\xff\xff\x1f", func(r *Reader) { r.Uvarint() }},
		"more tagged fields than the rest":    {"\x05\x00\x00", func(r *Reader) { r.Flexible = true; r.Tags(nil) }},
		"a tagged field longer than there is": {"\x01\x00\x05a", func(r *Reader) { r.Flexible = true; r.Tags(nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			var windows Windows
			s := windows.Open(strings.NewReader(c.in), len(c.in))
			defer windows.Close(s)
			for _, r := range []Reader{NewReader([]byte(c.in), false), NewStreamReader(s, false)} {
				if c.read(&r); !r.Bad() {
					t.Error("it is believed")
				}
			}
			if s.Err() != nil {
				t.Errorf("it is the connection's fault: %v", s.Err())
			}
		})
	}
}

func TestAStreamThatEndsEarlyIsTheConnectionsFault(t *testing.T) {
	var windows Windows
	for name, read := range map[string]func(*Reader){
		"a number": func(r *Reader) { r.Int32() },
		"a varint": func(r *Reader) { r.Uvarint(); r.Uvarint() },
		"a lent part": func(r *Reader) {
			if _, err := io.ReadFull(r.Stream().Lend(3), make([]byte, 3)); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("a lent part: %v", err)
			}
			r.Int8()
		},
	} {
		s := windows.Open(strings.NewReader("\x01"), 10)
		r := NewStreamReader(s, false)
		if read(&r); !r.Bad() || !errors.Is(s.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("%s: bad %t, %v", name, r.Bad(), s.Err())
		}
		windows.Close(s)
	}
	s := windows.Open(strings.NewReader("abc"), 10)
	defer windows.Close(s)
	if err := s.Skip(5); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Skip() = %v", err)
	}
}

func TestAStreamGoesOnBehindWhatWasLent(t *testing.T) {
	var windows Windows
	s := windows.Open(strings.NewReader("\x00\x01records\x00\x02rest"), 15)
	defer windows.Close(s)
	r := NewStreamReader(s, false)
	first := r.Int16()
	lent := make([]byte, 7)
	if _, err := io.ReadFull(s.Lend(7), lent); err != nil {
		t.Fatal(err)
	}
	if second := r.Int16(); first != 1 || string(lent) != "records" || second != 2 || s.Left() != 4 {
		t.Errorf("read %d, %q, %d, and %d bytes are left", first, lent, second, s.Left())
	}
	if err := s.Skip(4); err != nil || s.Left() != 0 {
		t.Errorf("Skip() = %v", err)
	}
}
