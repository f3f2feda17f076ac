// Package invariants makes mistakes with memory visible in tests. With the build tag invariants, a buffer that is
// given back is overwritten at once, so that whoever still uses it shows it, and what was written is compared with
// what was to be. Without the tag all of this costs nothing.
package invariants

// Mangle overwrites a buffer that nobody may use any more.
func Mangle(b []byte) {
	if !Enabled {
		return
	}
	for i := range b {
		b[i] = mangled
	}
}

// mangled is what a buffer is overwritten with: as a length it is negative, as a magic byte or a
// text it is none of Kafka's.
const mangled = 0xfd
