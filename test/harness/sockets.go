package harness

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inodeOf returns the inode of the socket of a connection of this machine.
func inodeOf(local, remote *net.TCPAddr) (string, error) {
	table, err := connections("tcp")
	for _, c := range table {
		if c.local == procAddr(local) && c.remote == procAddr(remote) {
			return c.inode, nil
		}
	}
	return "", cmp.Or(err, io.EOF)
}

// openSocket is a line of /proc/net/tcp.
type openSocket struct{ local, remote, state, inode string }

func connections(table string) (all []openSocket, err error) {
	text, err := os.ReadFile("/proc/net/" + table)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 9 {
			all = append(all, openSocket{f[1], f[2], f[3], f[9]})
		}
	}
	return all, err
}

// sockets returns the inodes of a process' sockets.
func sockets(pid int) map[string]bool {
	all := make(map[string]bool)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && strings.HasPrefix(link, "socket:[") {
			all[strings.Trim(link, "socket:[]")] = true
		}
	}
	return all
}

// Listens returns the addresses on which the broker listens.
func (b *Broker) Listens(t *testing.T) (all []string) {
	t.Helper()
	const listening = "0A"
	own := sockets(b.Cmd.Process.Pid)
	for _, table := range []string{"tcp", "tcp6"} {
		open, err := connections(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range open {
			if c.state == listening && own[c.inode] {
				all = append(all, c.local)
			}
		}
	}
	return all
}

// procAddr is an address of IPv4 as /proc/net/tcp has it.
func procAddr(a *net.TCPAddr) string {
	ip := a.IP.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], a.Port)
}
