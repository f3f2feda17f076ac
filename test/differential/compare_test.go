package differential

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fields maps an answer's paths to values. An element of a list has an entry of its own.
type fields map[string]string

func (w *world) fieldsOf(a answer) fields {
	switch {
	case a.end != "":
		return fields{"connection": a.end}
	case a.unanswered:
		return fields{}
	case a.err != nil:
		return fields{"undecodable": a.err.Error()}
	case a.resp == nil:
		return fields{"bytes": hex.EncodeToString(a.body)}
	}
	into := fields{"canonical": strconv.FormatBool(a.canonical())}
	w.flatten("", reflect.ValueOf(a.resp).Elem(), into)
	return into
}

// flatten lists a message's fields.
func (w *world) flatten(path string, v reflect.Value, into fields) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			into[path] = "null"
			return
		}
		if v.Elem().Kind() == reflect.Struct {
			into[path] = "something"
		}
		w.flatten(path, v.Elem(), into)
	case reflect.Struct:
		w.learn(v)
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				w.flatten(path+"."+f.Name, v.Field(i), into)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			w.flattenBytes(path, v.Bytes(), into)
			return
		}
		into[path] = "a list"
		if v.IsNil() {
			into[path] = "null"
		}
		for i, name := range w.elementNames(v) {
			at := fmt.Sprintf("%s[%s]", path, name)
			into[at] = "something"
			w.flatten(at, v.Index(i), into)
		}
	case reflect.Array:
		into[path] = w.canonical(fmt.Sprintf("%x", v.Interface()))
	case reflect.String:
		into[path] = w.canonical(fmt.Sprintf("%q", v.String()))
	default:
		into[path] = w.canonical(fmt.Sprint(v.Interface()))
		if size.MatchString(path) && v.CanInt() && v.Int() > 0 {
			into[path] = "<some>" // other data on the disk changes between the two requests
		}
	}
}

// flattenBytes lists the batches of fetched records, whose bytes hold the times at which the brokers got them.
func (w *world) flattenBytes(path string, b []byte, into fields) {
	if !strings.HasSuffix(path, ".RecordBatches") {
		into[path] = w.canonical(hex.EncodeToString(b))
		return
	}
	for i := 0; len(b) >= 12; i++ {
		size := min(len(b), 12+int(binary.BigEndian.Uint32(b[8:])))
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(b[:size]); err != nil {
			break
		}
		const codec, logAppendTime = 7, 1 << 3
		if batch.Attributes&logAppendTime != 0 {
			batch.CRC = 0
		}
		if batch.Attributes&codec == 1 {
			batch.CRC, batch.Length, batch.Records = 0, 0, gunzipped(batch.Records)
		}
		into[fmt.Sprintf("%s[%d]", path, i)] = w.canonical(summary(batch))
		b = b[size:]
	}
	into[path] = fmt.Sprintf("rest %x", b)
}

// elementNames names the elements of a list: by the name that clients use where there is one, since their order is
// irrelevant then, otherwise by their index.
func (w *world) elementNames(list reflect.Value) []string {
	names := make([]string, list.Len())
	seen := make(map[string]int)
	for i := range names {
		name := w.elementName(list.Index(i), i)
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s again %d", name, seen[name])
		}
		names[i] = name
	}
	return names
}

func (w *world) elementName(e reflect.Value, i int) string {
	switch e := e.Interface().(type) {
	case kmsg.ListConfigResourcesResponseConfigResource:
		return fmt.Sprint(e.Type, e.Name)
	case kmsg.ApiVersionsResponseApiKey:
		return kmsg.NameForKey(e.ApiKey)
	case kmsg.DescribeConfigsResponseResourceConfigConfigSynonym:
		return strconv.Itoa(i)
	}
	if e.Kind() != reflect.Struct {
		return strconv.Itoa(i)
	}
	for _, field := range []string{"Topic", "Partition", "Group", "Name", "Key", "MemberID", "ResourceName", "TopicID"} {
		name := e.FieldByName(field)
		if name.Kind() == reflect.Pointer {
			name = name.Elem()
		}
		switch {
		case !name.IsValid(), name.Kind() == reflect.String && name.Len() == 0:
		case name.Kind() == reflect.Array:
			return topicOf.ReplaceAllString(w.canonical(fmt.Sprintf("%x", name.Interface())), "$1")
		default:
			return w.canonical(fmt.Sprint(name.Interface()))
		}
	}
	return strconv.Itoa(i)
}

// learn records a topic's id wherever it occurs beside the topic's name.
func (w *world) learn(v reflect.Value) {
	name, id := v.FieldByName("Topic"), v.FieldByName("TopicID")
	if !name.IsValid() || !id.IsValid() || id.IsZero() {
		return
	}
	if name.Kind() == reflect.Pointer {
		if name.IsNil() {
			return
		}
		name = name.Elem()
	}
	if name.String() != "" {
		w.topic[name.String()] = id.Interface().([16]byte)
		w.names[fmt.Sprintf("%x", id.Interface())] = "<id of " + name.String() + ">"
	}
}

// summary describes a batch briefly.
func summary(b kmsg.RecordBatch) string {
	return fmt.Sprintf("offset %d length %d epoch %d magic %d crc %d attributes %d last %d time %d to %d "+
		"producer %d/%d from %d records %d %x", b.FirstOffset, b.Length, b.PartitionLeaderEpoch, b.Magic,
		b.CRC, b.Attributes, b.LastOffsetDelta, b.FirstTimestamp, b.MaxTimestamp,
		b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.NumRecords, b.Records)
}

// gunzipped returns the decompressed bytes: two compressors may produce different output.
func gunzipped(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return b
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return b
	}
	return out
}

var (
	size    = regexp.MustCompile(`\.(Total|Usable)Bytes$`)
	topicOf = regexp.MustCompile(`^<id of (.*)>$`)
	now     = regexp.MustCompile(`\b1[789]\d{11}\b|-92233\d{14}\b`) // or the earliest time there is
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// canonical replaces what differs between any two brokers by its meaning.
func (w *world) canonical(value string) string {
	for own, common := range w.names {
		value = strings.ReplaceAll(value, own, common)
	}
	return now.ReplaceAllString(uuid.ReplaceAllString(value, "<uuid>"), "<now>")
}

// compare returns the fields in which two answers differ. An element that one of them lacks is one difference.
func compare(kafka, chronik fields) []string {
	if kafka["connection"] != chronik["connection"] {
		return []string{fmt.Sprintf("connection: Kafka has %s, Chronik %s", orAnswers(kafka), orAnswers(chronik))}
	}
	var diffs, lacking []string
	report := func(path, want, got string) {
		diffs = append(diffs, fmt.Sprintf("%s: Kafka has %s, Chronik %s", path, want, got))
	}
	paths := make([]string, 0, len(kafka)+len(chronik))
	for path := range kafka {
		paths = append(paths, path)
	}
	for path := range chronik {
		paths = append(paths, path)
	}
	slices.Sort(paths) // an element comes before what it holds
	for _, path := range slices.Compact(paths) {
		within := func(p string) bool { return strings.HasPrefix(path, p+".") || strings.HasPrefix(path, p+"[") }
		if slices.ContainsFunc(lacking, within) {
			continue
		}
		want, inKafka := kafka[path]
		got, inChronik := chronik[path]
		switch {
		case !inKafka:
			lacking = append(lacking, path)
			report(path, "nothing", got)
		case !inChronik:
			lacking = append(lacking, path)
			report(path, want, "nothing")
		case want != got:
			report(path, want, got)
		}
	}
	return diffs
}

// orAnswers returns how the connection has ended, or that it has answered.
func orAnswers(f fields) string { return cmp.Or(f["connection"], "an answer") }
