// Package uuid makes random UUIDs (version 4 of RFC 9562).
package uuid

import (
	"fmt"
	"io"
)

// UUID is 16 bytes, as Kafka's protocol has them.
type UUID [16]byte

// New returns a UUID from 16 bytes of random. The error is that of reading them.
func New(random io.Reader) (u UUID, err error) {
	if _, err := io.ReadFull(random, u[:]); err != nil {
		return UUID{}, err
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u, nil
}

// String returns the UUID as Java prints it: 8-4-4-4-12 hexadecimal digits.
func (u UUID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
