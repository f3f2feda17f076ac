package uuid

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestAUUIDIsRandomAndOfVersion4(t *testing.T) {
	for random, want := range map[byte]string{
		0x00: "00000000-0000-4000-8000-000000000000",
		0xff: "ffffffff-ffff-4fff-bfff-ffffffffffff",
	} {
		u, err := New(bytes.NewReader(bytes.Repeat([]byte{random}, 16)))
		if err != nil || u.String() != want {
			t.Errorf("New() = %v, %v, want %s", u, err, want)
		}
	}
}

func TestAUUIDNeedsSixteenRandomBytes(t *testing.T) {
	if u, err := New(bytes.NewReader(make([]byte, 15))); !errors.Is(err, io.ErrUnexpectedEOF) || u != (UUID{}) {
		t.Errorf("New() = %v, %v", u, err)
	}
}
