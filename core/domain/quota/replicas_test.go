package quota

import (
	"strings"
	"testing"
)

func TestReplicasAreThoseThatTheListNamesForTheBroker(t *testing.T) {
	const broker = 2
	for _, c := range []struct {
		list string
		has  []int32
		not  []int32
	}{
		{"", nil, []int32{0, 1}},
		{"*", []int32{0, 1, 1 << 30}, nil},
		{"0:1", nil, []int32{0, 1}},
		{"0:2", []int32{0}, []int32{1, 2}},
		{"70000:2,3:1,3:2,1:2,3:2,2:1", []int32{1, 3, 70000}, []int32{0, 2, 4, 69999}},
		{"2147483647:2,99999999999:2,5:99999999999", []int32{2147483647}, []int32{0, 5}},
	} {
		r := ReplicasOn(broker, strings.Split(c.list, ","))
		for _, p := range c.has {
			if !r.Has(p) {
				t.Errorf("%q does not have partition %d of broker %d", c.list, p, broker)
			}
		}
		for _, p := range c.not {
			if r.Has(p) {
				t.Errorf("%q has partition %d of broker %d", c.list, p, broker)
			}
		}
	}
}

func TestReplicasOfEqualListsAreEqual(t *testing.T) {
	a, b := ReplicasOn(1, []string{"0:1", "5:1", "5:2"}), ReplicasOn(1, []string{"5:1", "0:1"})
	if a != b {
		t.Errorf("%+v is not %+v", a, b)
	}
	if n := testing.AllocsPerRun(100, func() { a.Has(5) }); n > 0 {
		t.Errorf("Has allocates %v times", n)
	}
}
