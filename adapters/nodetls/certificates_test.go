package nodetls

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/test/authority"
)

func settings(f authority.Files, id int32) Settings {
	return Settings{CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key, NodeID: id}
}

// open returns the certificates of node 1 and what they log.
func open(t *testing.T, f authority.Files) (*Certificates, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	c, err := Open(settings(f, 1), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return c, log
}

// shake has a client of a node meet a server at host, and returns what both see of it. change may be nil.
func shake(
	t *testing.T, client, server *Certificates, host string, change func(*tls.Config),
) (seen tls.ConnectionState, atClient, atServer error) {
	t.Helper()
	config := client.Client().Clone()
	config.ServerName = host
	if change != nil {
		change(config)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		b, err := l.Accept()
		if err != nil {
			done <- err
			return
		}
		at := tls.Server(b, server.Server())
		if err = at.HandshakeContext(t.Context()); err == nil {
			_, err = at.Write([]byte{1})
		}
		done <- errors.Join(err, b.Close())
	}()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	from := tls.Client(a, config)
	if atClient = from.HandshakeContext(t.Context()); atClient == nil {
		_, atClient = from.Read(make([]byte, 1)) // returns the server's alert
	}
	seen = from.ConnectionState()
	_ = a.Close()
	return seen, atClient, <-done
}

func TestNodesOfOneAuthorityBelieveEachOther(t *testing.T) {
	ours := authority.New(t)
	one, _ := open(t, ours.Node(t, "one", nil))
	two, _ := open(t, ours.Node(t, "two", nil))
	seen, atClient, atServer := shake(t, one, two, "127.0.0.1", nil)
	if atClient != nil || atServer != nil {
		t.Fatalf("client: %v, server: %v", atClient, atServer)
	}
	if seen.NegotiatedProtocol != Protocol || seen.Version != tls.VersionTLS13 {
		t.Errorf("negotiated is %q by TLS version %x", seen.NegotiatedProtocol, seen.Version)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	ours, theirs := authority.New(t), authority.New(t)
	us, _ := open(t, ours.Node(t, "us", nil))
	them, _ := open(t, theirs.Node(t, "them", nil))
	elsewhere, _ := open(t, ours.Node(t, "elsewhere", authority.ForHost("elsewhere.example.com")))
	for name, c := range map[string]struct {
		client, server *Certificates
		change         func(*tls.Config)
		refuses        string // the side that does
		why            string
	}{
		"another authority's server": {us, them, nil, "client", "unknown authority"},
		"another authority's client": {
			them, us, func(c *tls.Config) { c.InsecureSkipVerify = true }, "server", "unknown authority",
		},
		"a server at another host": {us, elsewhere, nil, "client", "127.0.0.1"},
		"a client without a certificate": {us, us, func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return new(tls.Certificate), nil
			}
		}, "server", "certificate"},
		"a client for something else": {us, us, func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "server", "protocol"},
		"a client that names nothing": {
			us, us, func(c *tls.Config) { c.NextProtos, c.VerifyConnection = nil, nil }, "server",
			"does not speak chronik-node",
		},
		"an old TLS": {
			us, us, func(c *tls.Config) { c.MinVersion, c.MaxVersion = 0, tls.VersionTLS12 }, "server", "version",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, atClient, atServer := shake(t, c.client, c.server, "127.0.0.1", c.change)
			err := atClient
			if c.refuses == "server" {
				err = atServer
			}
			if err == nil || !strings.Contains(err.Error(), c.why) {
				t.Errorf("the %s says %v, want something of %q", c.refuses, err, c.why)
			}
			if atClient == nil || atServer == nil {
				t.Errorf("client: %v, server: %v, want both to know", atClient, atServer)
			}
		})
	}
}

func TestARenewedCertificateIsShownFromTheNextConnectionOn(t *testing.T) {
	ours := authority.New(t)
	files := ours.Node(t, "server", nil)
	server, log := open(t, files)
	client, _ := open(t, ours.Node(t, "client", nil))
	serial := func() string {
		t.Helper()
		seen, atClient, atServer := shake(t, client, server, "127.0.0.1", nil)
		if atClient != nil || atServer != nil {
			t.Fatalf("client: %v, server: %v", atClient, atServer)
		}
		return seen.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	key, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	ours.Node(t, "server", nil)
	newKey, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Key, key, 0o600); err != nil { // in the middle of the renewal
		t.Fatal(err)
	}
	if got := serial(); got != first {
		t.Errorf("with a key that does not fit, certificate %s is shown, want %s", got, first)
	}
	serial()
	if n := strings.Count(log.String(), "level=WARN"); n != 1 ||
		!strings.Contains(log.String(), "private key does not match") {
		t.Errorf("%d warnings, want one that says what is wrong:\n%s", n, log)
	}
	if err := os.WriteFile(files.Key, newKey, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Reload()
	if n := strings.Count(log.String(), `msg="node certificate loaded"`); n != 2 {
		t.Errorf("%d certificates are logged, want 2:\n%s", n, log)
	}
	if got := serial(); got == first {
		t.Error("the old certificate is shown after the renewal")
	}
}

func TestAnAuthorityThatIsAddedIsBelieved(t *testing.T) {
	ours, next := authority.New(t), authority.New(t)
	server, _ := open(t, ours.Node(t, "server", nil))
	files := next.Node(t, "client", nil)
	client, _ := open(t, files)
	if _, atClient, _ := shake(t, client, server, "127.0.0.1", nil); atClient == nil {
		t.Fatal("another authority is believed")
	}
	var both []byte
	for _, file := range []string{ours.CAFile, next.CAFile} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, content...)
	}
	for _, file := range []string{ours.CAFile, next.CAFile} {
		if err := os.WriteFile(file, both, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, atClient, atServer := shake(t, client, server, "127.0.0.1", nil); atClient != nil || atServer != nil {
		t.Errorf("client: %v, server: %v", atClient, atServer)
	}
}

func TestOpenSaysWhichFileIsWrong(t *testing.T) {
	ours := authority.New(t)
	good := ours.Node(t, "good", nil)
	other := ours.Node(t, "other", nil)
	for name, c := range map[string]struct {
		files authority.Files
		want  string
	}{
		"no key is named":   {authority.Files{CA: good.CA, Cert: good.Cert}, "cluster.key_file"},
		"a file is missing": {authority.Files{CA: good.CA, Cert: "nowhere.pem", Key: good.Key}, "nowhere.pem"},
		"another's key":     {authority.Files{CA: good.CA, Cert: good.Cert, Key: other.Key}, other.Key},
		"the CA is none":    {authority.Files{CA: good.Key, Cert: good.Cert, Key: good.Key}, "holds no certificate"},
		"it is another node's": {
			ours.Node(t, "node2", authority.WithURI("chronik://node/2")), "of node 2, and this is node 1",
		},
		"it names no node": {ours.Node(t, "nodeX", authority.WithURI("chronik://node/x")), "chronik://node/x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(settings(c.files, 1), slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open() = %v, want something of %q", err, c.want)
			}
		})
	}
}

func TestNodeIDReadsOneURI(t *testing.T) {
	for uris, want := range map[string]int32{
		"": AnyNode, "chronik://node/3": 3, "https://example.com": AnyNode, "spiffe://x/y chronik://node/12": 12,
		"chronik://node/1 chronik://node/2": -2, "chronik://node/-1": -2, "chronik://broker/1": -2,
		"chronik://node/2147483648": -2, "chronik:node": -2,
	} {
		cert := new(x509.Certificate)
		for uri := range strings.FieldsSeq(uris) {
			authority.WithURI(uri)(cert)
		}
		got, err := NodeID(cert)
		if err != nil {
			got = -2
		}
		if got != want {
			t.Errorf("NodeID(%s) = %d, %v, want %d", uris, got, err, want)
		}
	}
}

func TestNoCertificatesAreConnectionsInTheClear(t *testing.T) {
	var none *Certificates
	none.Reload()
	if none.Server() != nil || none.Client() != nil {
		t.Error("there is TLS without certificates")
	}
}
