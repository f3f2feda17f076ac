package kafkaproto

import (
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill gives every field of a kmsg message a random value; arrays have up to three elements.
func fill(r *rand.Rand, message any) { fillValue(r, reflect.ValueOf(message).Elem()) }

func fillValue(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if tags, ok := reflect.TypeAssert[*kmsg.Tags](v.Addr()); ok {
			for range r.IntN(3) {
				tags.Set(uint32(50+r.IntN(50)), []byte(randomText(r)))
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Version" {
				fillValue(r, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.SetZero()
		if r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fillValue(r, v.Elem())
		}
	case reflect.Slice:
		n := r.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fillValue(r, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fillValue(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(randomText(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()) >> r.IntN(v.Type().Bits()))
	case reflect.Uint8, reflect.Uint16:
		v.SetUint(uint64(r.IntN(256)))
	default:
		panic("no random value for " + v.Type().String())
	}
}

// randomText is mostly short, and sometimes so long that its length takes two bytes in the compact form.
func randomText(r *rand.Rand) string {
	n := r.IntN(10)
	if r.IntN(20) == 0 {
		n = 120 + r.IntN(20)
	}
	return strings.Repeat(string(rune('a'+r.IntN(26))), n)
}
