package replication

import (
	"net"
	"testing"
)

func TestABrokerIsGoneWhenNothingListens(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := New(Settings{NodeID: 1, Address: func(node int32) (string, bool) { return l.Addr().String(), node == 2 }})
	defer p.Close()
	if p.Gone(t.Context(), 2) {
		t.Error("a broker that listens is gone")
	}
	if p.Gone(t.Context(), 3) {
		t.Error("a broker of which nothing is known is gone")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !p.Gone(t.Context(), 2) {
		t.Error("a broker that does not listen any more is not gone")
	}
}
