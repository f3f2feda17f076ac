// Package allocate sets blocks of the disk aside for a file before they are written.
package allocate
