// Package nodetls is how the nodes of a cluster know each other: by mutual TLS, with certificates of an authority of their own. The files are
// read again for each connection, so that a renewed certificate needs no restart.
package nodetls
