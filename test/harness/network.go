package harness

import (
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Network stands between the nodes of a cluster: each node is reached through gates. Bytes from and to a node that is
// cut off wait there, as in a network that loses all packets. Connections stay open, without an error, and continue
// when the node is back.
type Network struct {
	mu      sync.Mutex
	changed *sync.Cond
	pids    map[int]int32  // the nodes by their processes
	apart   map[int32]bool // nodes that do not reach the others
	deaf    map[int32]bool // nodes that neither clients nor the other nodes reach
	sent    map[int32]int  // bytes sent to clients, by node; nil until the first call of Taken
	closed  bool
}

// clients stands for the sender of connections that are not a node's.
const clients int32 = 0

// NewNetwork returns a network for StartCluster.
func NewNetwork(t *testing.T) *Network {
	n := &Network{
		pids: make(map[int]int32), apart: make(map[int32]bool), deaf: make(map[int32]bool),
	}
	n.changed = sync.NewCond(&n.mu)
	t.Cleanup(func() { n.change(func() { n.closed = true }) })
	return n
}

func (n *Network) change(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	do()
	n.changed.Broadcast()
}

// runs records a node's process.
func (n *Network) runs(node int32, pid int) { n.change(func() { n.pids[pid] = node }) }

// Cut separates a node from the other nodes, and optionally from the clients, too.
func (n *Network) Cut(node int32, andClients bool) {
	n.change(func() { n.apart[node], n.deaf[node] = true, andClients })
}

// Heal ends a cut.
func (n *Network) Heal(node int32) { n.change(func() { delete(n.apart, node); delete(n.deaf, node) }) }

// Taken returns how many bytes were sent to clients since the last call, by node. The first call returns nothing.
func (n *Network) Taken() map[int32]int {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := n.sent
	n.sent = make(map[int32]int)
	return taken
}

// await returns when the sender reaches node to. It asks for the sender only while a node is cut off.
func (n *Network) await(sender func() int32, to int32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for !n.closed && len(n.apart) > 0 {
		n.mu.Unlock()
		from := sender()
		n.mu.Lock()
		if n.closed || !n.separates(from, to) {
			return
		}
		n.changed.Wait()
	}
}

// separates reports whether a cut is between the two. The caller holds mu.
func (n *Network) separates(from, to int32) bool {
	return n.deaf[from] || n.deaf[to] || from != clients && (n.apart[from] || n.apart[to])
}

// count adds bytes that a node has sent, if Taken was called before and the receiver is a client.
func (n *Network) count(sender func() int32, node int32, bytes int) {
	n.mu.Lock()
	counting := n.sent != nil
	n.mu.Unlock()
	if counting && sender() == clients {
		n.mu.Lock()
		n.sent[node] += bytes
		n.mu.Unlock()
	}
}

// gate listens for connections to a node and returns the address. target is the node's own address.
func (n *Network) gate(t *testing.T, node int32, target string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.carry(c, node, target)
		}
	}()
	return l.Addr().String()
}

// refusalPause is how long a connection to a node that does not listen stays open. The node's machine would refuse it,
// and clients wait after a refusal before they retry. After a reset they reconnect at once, so the reset is delayed.
const refusalPause = 200 * time.Millisecond

// carry forwards what the two ends of a connection send. It resets a connection to a node that does not listen.
func (n *Network) carry(in net.Conn, node int32, target string) {
	defer in.Close()
	out, err := net.Dial("tcp", target)
	if err != nil {
		time.Sleep(refusalPause)
		in.(*net.TCPConn).SetLinger(0)
		return
	}
	defer out.Close()
	sender := sync.OnceValue(func() int32 { return n.sender(in) })
	n.await(sender, node)
	var answered atomic.Int64
	done := make(chan struct{}, 2)
	pass := func(to, of net.Conn, note func(bytes int)) {
		defer func() { done <- struct{}{} }()
		for buf := make([]byte, 64<<10); ; {
			read, err := of.Read(buf)
			n.await(sender, node)
			if _, failed := to.Write(buf[:read]); failed != nil || err != nil {
				return
			}
			note(read)
		}
	}
	go pass(out, in, func(int) {})
	go pass(in, out, func(bytes int) {
		answered.Add(int64(bytes))
		n.count(sender, node, bytes)
	})
	<-done // a failure of one side ends both
	if answered.Load() == 0 {
		in.(*net.TCPConn).SetLinger(0)
	}
}

// sender returns the node at the other end of a connection. It looks through tables of the kernel, which takes
// milliseconds, during which other connections continue.
func (n *Network) sender(c net.Conn) int32 {
	inode, err := inodeOf(c.RemoteAddr().(*net.TCPAddr), c.LocalAddr().(*net.TCPAddr))
	if err != nil {
		return clients // it has ended already
	}
	n.mu.Lock()
	pids := maps.Clone(n.pids)
	n.mu.Unlock()
	for pid, node := range pids {
		if sockets(pid)[inode] {
			return node
		}
	}
	return clients
}
