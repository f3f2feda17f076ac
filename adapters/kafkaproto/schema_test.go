package kafkaproto

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
)

func TestSchemasAgreeWithKmsgInEveryVersion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, a := range indexAPIs(apiTable()) {
		if a == nil || a.schema == nil {
			continue
		}
		for version := a.min; version <= a.max; version++ {
			for range 50 {
				req := kmsg.RequestForKey(a.key)
				fill(r, req)
				req.SetVersion(version)
				body := req.AppendTo(nil)
				in := wire.NewReader(body, req.IsFlexible())
				a.schema.Walk(&in, version)
				in.Tags(nil)
				if in.Bad() || in.Left() != 0 {
					t.Fatalf("%s version %d: bad %t, %d bytes left of %x", a.name, version, in.Bad(), in.Left(), body)
				}
				for cut := range body {
					if _, err := a.schema.Check(body[:cut], version, req.IsFlexible()); err == nil {
						t.Fatalf("%s version %d: accepted when cut to %d of %d bytes", a.name, version, cut, len(body))
					}
				}
			}
		}
	}
}

func TestArraysThatClaimMoreThanThereIsAreRefusedBeforeTheyCostMemory(t *testing.T) {
	for _, a := range indexAPIs(apiTable()) {
		if a == nil || a.schema == nil {
			continue
		}
		for version := a.min; version <= a.max; version++ {
			req := kmsg.RequestForKey(a.key)
			req.SetVersion(version)
			body := req.AppendTo(nil)
			for at := range body {
				for _, claim := range [][]byte{
					{0x7f, 0xff, 0xff, 0xff}, {0x00, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 0x0f}, {0xff, 0xff, 0x7f},
				} {
					bomb := append(append(append([]byte(nil), body[:at]...), claim...), make([]byte, 1<<16)...)
					cost, err := a.schema.Check(bomb, version, req.IsFlexible())
					if err != nil {
						continue
					}
					allocated(t, uint64(cost+1<<12), func() { _ = kmsgDecode(a.key, version, bomb) })
				}
			}
		}
	}
}

func kmsgDecode(key, version int16, body []byte) error {
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	return req.ReadFrom(body)
}

// allocated fails the test when f allocates more than limit bytes.
func allocated(t testing.TB, limit uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > limit {
		t.Fatalf("%d bytes were allocated, allowed %d", n, limit)
	}
}

// FuzzRequest: whatever passes its schema, kmsg decodes at no more than the cost that was found.
func FuzzRequest(f *testing.F) {
	apis := indexAPIs(apiTable())
	r := rand.New(rand.NewPCG(3, 4))
	for _, a := range apis {
		if a != nil && a.schema != nil {
			for version := a.min; version <= a.max; version++ {
				req := kmsg.RequestForKey(a.key)
				fill(r, req)
				req.SetVersion(version)
				f.Add(a.key, version, req.AppendTo(nil))
			}
		}
	}
	f.Add(int16(3), int16(9), binary.AppendUvarint(nil, 1<<31))
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		if key < 0 || int(key) >= len(apis) || apis[key] == nil || apis[key].schema == nil {
			return
		}
		a := apis[key]
		if version < a.min || version > a.max {
			return
		}
		cost, err := a.schema.Check(body, version, version >= a.flexible)
		if err != nil {
			return
		}
		allocated(t, uint64(cost+1<<16), func() { _ = kmsgDecode(key, version, body) })
	})
}
