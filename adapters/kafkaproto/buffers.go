package kafkaproto

import (
	"math/bits"
	"sync"

	"github.com/chronik-stream/chronik/adapters/internal/invariants"
)

// The pooled buffers' sizes in bytes. There are four sizes to each doubling.
const (
	smallestBuffer = 1 << 9
	largestBuffer  = 1 << 23
	bufferSteps    = 4
)

var bufferClasses = bufferClass(largestBuffer) + 1

// buffer is memory for a frame or an answer. b is the part in use.
type buffer struct{ b []byte }

// buffers is a pool of memory. Buffers larger than the largest class are left to the garbage collector.
type buffers struct{ classes []sync.Pool }

func newBuffers() *buffers { return &buffers{classes: make([]sync.Pool, bufferClasses)} }

// bufferClass returns the class of the smallest buffers that hold n bytes.
func bufferClass(n int) int {
	if n <= smallestBuffer {
		return 0
	}
	octave := bits.Len(uint(n-1)) - bits.Len(smallestBuffer)
	base := smallestBuffer << octave
	step := base / bufferSteps
	return octave*bufferSteps + (n-base+step-1)/step
}

// classSize returns the size of a class's buffers.
func classSize(class int) int {
	base := smallestBuffer << (class / bufferSteps)
	return base + class%bufferSteps*(base/bufferSteps)
}

// get returns a buffer of n bytes of any content.
func (p *buffers) get(n int) *buffer {
	if n > largestBuffer {
		return &buffer{b: make([]byte, n)}
	}
	class := bufferClass(n)
	if buf, ok := p.classes[class].Get().(*buffer); ok {
		buf.b = buf.b[:n]
		return buf
	}
	return &buffer{b: make([]byte, n, classSize(class))}
}

// put takes buf back. A buffer that has grown goes to the largest class that it can serve.
func (p *buffers) put(buf *buffer) {
	n := cap(buf.b)
	invariants.Mangle(buf.b[:n])
	if n < smallestBuffer || n > 2*largestBuffer {
		return
	}
	class := min(bufferClass(n), bufferClasses-1)
	if classSize(class) > n {
		class--
	}
	p.classes[class].Put(buf)
}
