package kafkaclient

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrMalformed says that an answer does not belong to the request, or contradicts itself.
var ErrMalformed = errors.New("malformed answer")

const (
	// largestAnswer is the most that the size of an answer may say, in bytes. A batch is never cut, so an answer may be
	// larger than the limit in the request.
	largestAnswer = 1 << 30
	// firstRead is how much memory is allocated for an answer before more of it has arrived, in bytes.
	firstRead = 1 << 20
	// trustedRead is how much memory at most is taken at once for an answer from a broker that has sent as much before, in
	// bytes.
	trustedRead = 16 << 20
	// correlationID is the size of the correlation id in front of every answer, in bytes.
	correlationID = 4
)

// apiVersions is the key of ApiVersions. Its answer has no tagged fields in the header, in any version, because a
// client must be able to read it before it knows the broker's versions (KIP-511).
const apiVersions = 18

// hasTags reports whether the header of the answer ends with tagged fields (KIP-482).
func hasTags(resp kmsg.Response) bool { return resp.IsFlexible() && resp.Key() != apiVersions }

// readAnswer reads the frame of the answer to request id, and returns what comes after the correlation id. It allocates
// up to trusted bytes at once, and more only as more arrives. io.EOF is an end before the frame begins.
func readAnswer(in io.Reader, id int32, trusted int) ([]byte, error) {
	var head [4 + correlationID]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	size, got := int32(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if size < correlationID || size > largestAnswer || got != id {
		return nil, fmt.Errorf("%w: %d bytes for request %d, expected one for request %d", ErrMalformed, size, got, id)
	}
	rest := int(size) - correlationID
	body := make([]byte, min(rest, trusted))
	for have := 0; ; {
		n, err := io.ReadFull(in, body[have:])
		have += n
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case have == rest:
			return body, nil
		}
		grown := make([]byte, min(rest, 2*have))
		copy(grown, body)
		body = grown
	}
}

// skipTags returns what follows the tagged fields that b begins with. They are made so that an older client can ignore
// the fields of a newer broker.
func skipTags(b []byte) ([]byte, error) {
	fields, b, ok := uvarint(b)
	for ; ok && fields > 0; fields-- {
		var size uint32
		if _, b, ok = uvarint(b); !ok { // the tag's number
			break
		}
		if size, b, ok = uvarint(b); ok {
			if ok = uint64(size) <= uint64(len(b)); ok {
				b = b[size:]
			}
		}
	}
	if !ok {
		return nil, fmt.Errorf("%w: the tagged fields of its header", ErrMalformed)
	}
	return b, nil
}

// uvarint takes an unsigned number of at most 32 bits from b.
func uvarint(b []byte) (v uint32, rest []byte, ok bool) {
	wide, n := binary.Uvarint(b)
	if n <= 0 || n > binary.MaxVarintLen32 || wide > 1<<32-1 {
		return 0, nil, false
	}
	return uint32(wide), b[n:], true
}
