package nodetls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
)

// Settings name the files of a node, all of them PEM.
type Settings struct {
	CAFile   string // the authorities of the nodes' certificates: the holder of a certificate of theirs is a node
	CertFile string // this node's certificate, and those between it and its authority
	KeyFile  string // its key
	NodeID   int32  // this node's id, for which its certificate must be good
}

// Certificates are what a node presents to the others and verifies them by. They are safe for concurrent use. A nil
// *Certificates is none: the nodes talk in plain text.
type Certificates struct {
	settings Settings
	log      *slog.Logger

	mu     sync.Mutex
	read   contents // the contents that now was made from
	now    *identity
	failed string // why the files are not in use; "" when they are
}

// contents are those of a node's files.
type contents struct{ ca, cert, key string }

// identity is what was made of the files.
type identity struct{ server, client *tls.Config }

// Open reads the files. It is an error when one is missing or is not what it should be.
func Open(set Settings, log *slog.Logger) (*Certificates, error) {
	if set.CAFile == "" || set.CertFile == "" || set.KeyFile == "" {
		return nil, errors.New("TLS between nodes needs all three of cluster.ca_file, cluster.cert_file and cluster.key_file")
	}
	c := &Certificates{settings: set, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("TLS between nodes: %w", err)
	}
	return c, nil
}

// Server returns the configuration for accepting connections of other nodes. It stays valid: each connection is
// accepted with the files as they are then.
func (c *Certificates) Server() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current().server, nil },
	}
}

// Client returns the configuration for a connection to another node, made from the files as they are now. Its
// ServerName is to be set in a clone.
func (c *Certificates) Client() *tls.Config {
	if c == nil {
		return nil
	}
	return c.current().client
}

// Reload reads files that have changed. Each new connection does the same; Reload is there so that the log shows at
// once whether they are valid.
func (c *Certificates) Reload() {
	if c != nil {
		c.current()
	}
}

// current returns the identity in the files. When they are invalid, as in the middle of a renewal, it is the one
// before.
func (c *Certificates) current() *identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.load()
	switch {
	case err == nil:
		c.failed = ""
	case err.Error() != c.failed:
		c.failed = err.Error()
		c.log.Warn("changed certificate files are invalid, the previous ones stay in use", "err", err)
	}
	return c.now
}

// load sets now from the files if they have changed. The caller holds mu, or is the only one.
func (c *Certificates) load() error {
	read, err := c.settings.read()
	if err != nil || read == c.read {
		return err
	}
	next, leaf, err := c.settings.identity(read)
	if err != nil {
		return err
	}
	c.log.Info("node certificate loaded",
		"path", c.settings.CertFile, "serial", leaf.SerialNumber.Text(16), "not_after", leaf.NotAfter)
	c.read, c.now = read, next
	return nil
}

func (s Settings) read() (c contents, err error) {
	for _, f := range []struct {
		name string
		to   *string
	}{{s.CAFile, &c.ca}, {s.CertFile, &c.cert}, {s.KeyFile, &c.key}} {
		content, err := os.ReadFile(f.name)
		if err != nil {
			return contents{}, err
		}
		*f.to = string(content)
	}
	return c, nil
}

// identity parses the files' contents. It also returns this node's certificate.
func (s Settings) identity(c contents) (*identity, *x509.Certificate, error) {
	pair, err := tls.X509KeyPair([]byte(c.cert), []byte(c.key))
	if err != nil {
		return nil, nil, fmt.Errorf("%s with %s: %w", s.CertFile, s.KeyFile, err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(c.ca)) {
		return nil, nil, fmt.Errorf("%s holds no certificate in PEM", s.CAFile)
	}
	switch id, err := NodeID(pair.Leaf); {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", s.CertFile, err)
	case id != AnyNode && id != s.NodeID:
		return nil, nil, fmt.Errorf("%s is the certificate of node %d, and this is node %d", s.CertFile, id, s.NodeID)
	}
	common := &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{Protocol}, VerifyConnection: verify,
		SessionTicketsDisabled: true, // a node that reconnects is verified again
		// Small first records let a browser render early. Here they only cost throughput.
		DynamicRecordSizingDisabled: true,
	}
	server, client := common, common.Clone()
	server.Certificates = []tls.Certificate{pair}
	server.ClientAuth = tls.RequireAndVerifyClientCert
	server.ClientCAs = authorities
	client.RootCAs = authorities
	// The certificate is presented whichever authorities the server accepts, so that the server can say what is wrong
	// with it.
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return &identity{server: server, client: client}, pair.Leaf, nil
}

// verify refuses a peer that speaks TLS for another protocol, and certificates with unreadable node ids.
func verify(s tls.ConnectionState) error {
	if s.NegotiatedProtocol != Protocol {
		return fmt.Errorf("the other side does not speak %s", Protocol)
	}
	_, err := NodeID(s.PeerCertificates[0])
	return err
}
