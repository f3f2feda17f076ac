// Package invariants makes mistakes with memory visible in tests. With the build tag invariants, a buffer that is given
// back is overwritten at once, so that a later use of it fails. What was written is compared with what was meant.
// Without the tag all of this costs nothing.
package invariants

// Mangle overwrites a buffer that must not be used any more.
func Mangle(b []byte) {
	if !Enabled {
		return
	}
	for i := range b {
		b[i] = mangled
	}
}

// mangled is the byte that a buffer is overwritten with. As a length it is negative, and Kafka has no such magic byte.
const mangled = 0xfd
