// Package authority makes certificates for the nodes of tests' clusters.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates that are valid for an hour, for both sides of a connection.
type Authority struct {
	CAFile string // its own certificate

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

// Files are a node's.
type Files struct{ CA, Cert, Key string }

// New returns an authority whose files are removed when the test ends.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir()}
	a.cert, a.key = a.sign(t, "ca", nil)
	a.CAFile = a.path("ca.pem")
	return a
}

// Node writes a new certificate for a host on this machine to files called name, which replace earlier ones. change may
// be nil.
func (a *Authority) Node(t testing.TB, name string, change func(*x509.Certificate)) Files {
	t.Helper()
	a.sign(t, name, change)
	return Files{CA: a.CAFile, Cert: a.path(name + ".pem"), Key: a.path(name + ".key")}
}

// ForHost makes a certificate one for a host name, and for no other.
func ForHost(host string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{host} }
}

// WithURI gives a certificate a name that is a URI.
func WithURI(uri string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		parsed, err := url.Parse(uri)
		if err != nil {
			panic(err)
		}
		c.URIs = append(c.URIs, parsed)
	}
}

func (a *Authority) path(file string) string { return filepath.Join(a.dir, file) }

// sign writes a certificate and its key, and returns them. The first one is the authority's own.
func (a *Authority) sign(
	t testing.TB, name string, change func(*x509.Certificate),
) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.made++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.made), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		template.IsCA, template.KeyUsage = true, template.KeyUsage|x509.KeyUsageCertSign
		parent, signer = template, key
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}
