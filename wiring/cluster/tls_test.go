//go:build raft

package cluster

import (
	"crypto/tls"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/test/authority"
)

// certificates returns those of node 1.
func certificates(t *testing.T, a *authority.Authority) *nodetls.Certificates {
	t.Helper()
	f := a.Node(t, "node", nil)
	cfg := &configs.Config{Cluster: configs.Cluster{NodeID: 1, CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key}}
	certs, err := OpenTLS(cfg, discard())
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// silent accepts connections as server says, and ends them.
func silent(t *testing.T, server *tls.Config) configs.Peer {
	t.Helper()
	return configs.Peer{ID: 2, Kafka: authority.Serve(t, server, func(c net.Conn) {
		if secured, ok := c.(*tls.Conn); ok {
			_ = secured.HandshakeContext(t.Context())
		}
	})}
}

func TestANodeThatOthersDoNotTrustDoesNotClaimItsVote(t *testing.T) {
	ours, theirs := authority.New(t), authority.New(t)
	us := certificates(t, ours)
	for name, c := range map[string]struct {
		other  configs.Peer
		refuse bool
	}{
		"a stranger":                          {silent(t, certificates(t, theirs).Server()), true},
		"a node that stops":                   {silent(t, us.Server()), false},
		"a proxy of a node that does not run": {silent(t, nil), false},
	} {
		t.Run(name, func(t *testing.T) {
			limit := long
			if !c.refuse {
				limit = time.Second
			}
			var own atomic.Value
			claimed, err := starts(t, c.other, us, &own, limit)
			if claimed || strings.Contains(err.Error(), "unknown authority") != c.refuse {
				t.Errorf("vote claimed: %t, start = %v, refused: %t", claimed, err, c.refuse)
			}
		})
	}
}

func TestWithoutFilesThereIsNoTLS(t *testing.T) {
	if certs, err := OpenTLS(new(configs.Config), discard()); certs != nil || err != nil {
		t.Errorf("OpenTLS() = %v, %v", certs, err)
	}
	if _, err := OpenTLS(&configs.Config{Cluster: configs.Cluster{CAFile: "ca.pem"}}, discard()); err == nil {
		t.Error("an authority is enough for TLS")
	}
}
