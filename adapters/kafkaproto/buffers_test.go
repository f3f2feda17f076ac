package kafkaproto

import "testing"

func TestBuffersAreLargeEnoughAndNotMuchLarger(t *testing.T) {
	p := newBuffers()
	for n := range largestBuffer + 2 {
		if n > 1<<14 && n%997 != 0 && n < largestBuffer-2 {
			continue
		}
		if n <= largestBuffer {
			class := bufferClass(n)
			if size := classSize(class); size < n || n > smallestBuffer && size > n+n/4+1 {
				t.Fatalf("%d bytes go to class %d of %d bytes", n, class, size)
			}
		}
		b := p.get(n)
		if len(b.b) != n {
			t.Fatalf("get(%d) has %d bytes", n, len(b.b))
		}
		p.put(b)
	}
}

func TestAGrownBufferServesOnlyWhatFitsIntoIt(t *testing.T) {
	p := newBuffers()
	for grown := smallestBuffer; grown < 4*smallestBuffer; grown += 13 {
		p.put(&buffer{b: make([]byte, grown)})
		for n := range grown + smallestBuffer {
			if b := p.get(n); cap(b.b) < n {
				t.Fatalf("get(%d) has room for %d", n, cap(b.b))
			}
		}
	}
}
