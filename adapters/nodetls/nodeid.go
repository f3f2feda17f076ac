package nodetls

import (
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is what both sides of a connection between nodes negotiate (ALPN, RFC 7301).
const Protocol = "chronik-node"

// AnyNode is the node id of a certificate that names none.
const AnyNode = -1

// nodeURI begins the name that ties a certificate to a node: chronik://node/3.
const nodeURI = "chronik://node/"

// NodeID returns the id of the only node that may use the certificate, or AnyNode. It is an error when the certificate
// has a node URI that cannot be parsed.
func NodeID(cert *x509.Certificate) (int32, error) {
	id := int32(AnyNode)
	for _, uri := range cert.URIs {
		if uri.Scheme != "chronik" {
			continue
		}
		digits, ok := strings.CutPrefix(uri.String(), nodeURI)
		n, err := strconv.ParseUint(digits, 10, 31)
		if !ok || err != nil || id != AnyNode {
			return AnyNode, fmt.Errorf("the certificate names %s: want one %sN at most, with N the node's id", uri, nodeURI)
		}
		id = int32(n)
	}
	return id, nil
}
