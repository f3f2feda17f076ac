//go:build raft

package raftnode

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority makes certificates for nodes on this host.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.make(t, "ca", nil)
	return a
}

// make writes a certificate and its key, and returns them. Without an issuer it is an authority's own.
func (a *authority) make(t *testing.T, name string, issuer *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.made++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.made), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: issuer == nil,
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{
		".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(a.dir, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// files returns the files of a node's new certificate.
func (a *authority) files(t *testing.T, name string) *TLS {
	t.Helper()
	a.make(t, name, a)
	return &TLS{
		CAFile: filepath.Join(a.dir, "ca.pem"), CertFile: filepath.Join(a.dir, name+".pem"), KeyFile: filepath.Join(a.dir, name+".key"),
	}
}

func TestNodesAgreeOverMutualTLSAndOnlyWithThoseOfTheirAuthority(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	nodes, members := cluster(t, 3, func(s *Settings) { s.TLS = ours.files(t, "node") })
	nodes[0].propose(t, "three of three")
	nodes[2].state.awaitEntry(t, "three of three")
	stranger := nodes[2]
	stranger.stop(t)
	nodes[1].stop(t)
	stranger.set.TLS = theirs.files(t, "node")
	stranger.start(t, members)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for ctx.Err() == nil { // the majority would be there, if they spoke with each other
		if err := nodes[0].replica.Barrier(ctx); err == nil {
			t.Fatal("a node with a stranger's certificate has a vote")
		}
		pause(ctx)
	}
	stranger.stop(t)
	stranger.set.TLS = nodes[0].set.TLS
	stranger.start(t, members)
	nodes[0].propose(t, "two of three")
}

// pause waits a little, or until ctx ends.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}
