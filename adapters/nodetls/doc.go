// Package nodetls authenticates the nodes of a cluster to each other: by mutual TLS, with certificates of an authority
// of their own.
//
// Certificates checks the files for changes at each connection, so that a renewed certificate needs no restart; an
// invalid renewal leaves the previous certificate in use. Both sides negotiate an ALPN protocol of their own
// (Protocol), so that a client of another service is refused. A certificate may be bound to one node id by a URI
// (NodeID).
package nodetls
