package harness

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/web"
)

// Node is a node of a Cluster.
type Node struct {
	*Broker // its current or last process; Addr is its address for clients
	ID      int32
	Args    []string    // of its command line
	Output  *Output     // of all its processes
	Volume  *Volume     // its data is on it; nil for a directory of the test's
	Client  *kgo.Client // asks this node only, without retries
	network *Network
}

// Launch starts the node, which must not run, and returns at once.
func (n *Node) Launch(t *testing.T) {
	t.Helper()
	fmt.Fprintf(n.Output, "---- node %d starts %s\n", n.ID, time.Now().Format(time.StampMilli))
	p := Launch(t, nil, n.Dir, n.Output, n.Args...)
	p.Addr = n.Addr
	n.Broker = p
	if n.network != nil {
		n.network.runs(n.ID, p.Cmd.Process.Pid)
	}
}

// SinceStart returns what the node has logged since it was last launched.
func (n *Node) SinceStart() string {
	log := n.Output.Tail(1 << 30)
	return log[strings.LastIndex(log, fmt.Sprintf("---- node %d starts", n.ID)):]
}

// Ident returns the node's id as an argument for commands.
func (n *Node) Ident() string { return strconv.Itoa(int(n.ID)) }

// Crash kills the node.
func (n *Node) Crash() {
	n.Kill()
	fmt.Fprintf(n.Output, "---- node %d was killed %s\n", n.ID, time.Now().Format(time.StampMilli))
}

// Pause suspends the node's process.
func (n *Node) Pause() { n.Cmd.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume() { n.Cmd.Process.Signal(syscall.SIGCONT) }

// Metadata returns the node's metadata of the cluster and of topics; it is empty when the node does not answer.
func (n *Node) Metadata(t *testing.T, topics ...string) *kmsg.MetadataResponse {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: kmsg.StringPtr(topic)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if resp, err := n.Client.SeedBrokers()[0].Request(ctx, req); err == nil {
		return resp.(*kmsg.MetadataResponse)
	}
	return &kmsg.MetadataResponse{ControllerID: -1}
}

// AwaitEnd returns when the node's process has ended by itself.
func (n *Node) AwaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-n.Done:
	case <-time.After(30 * time.Second):
		t.Fatalf("node %d does not end:\n%s", n.ID, n.Output.Tail(3000))
	}
}

var servingHTTP = regexp.MustCompile(`msg="serving http" url=(\S+)`)

// AwaitReady returns when the node's readiness probe succeeds.
func (n *Node) AwaitReady(t *testing.T) {
	t.Helper()
	Within(t, 40*time.Second, fmt.Sprintf("node %d is ready", n.ID), func() bool {
		at := servingHTTP.FindStringSubmatch(n.SinceStart())
		if at == nil {
			return false
		}
		resp, err := http.Get(at[1] + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Metrics returns what the node tells Prometheus.
func (n *Node) Metrics(t *testing.T) string {
	t.Helper()
	at := servingHTTP.FindStringSubmatch(n.SinceStart())
	if at == nil {
		t.Fatalf("node %d serves no HTTP:\n%s", n.ID, n.Output.Tail(3000))
	}
	_, body := web.Get(t, at[1]+"/metrics")
	return body
}

// Wipe removes the node's data. The node must not run.
func (n *Node) Wipe(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(n.Dir); err != nil {
		t.Fatal(err)
	}
}

// IsRefused starts the node, and checks that it stops because it was wiped.
func (n *Node) IsRefused(t *testing.T) {
	t.Helper()
	n.Launch(t)
	n.AwaitEnd(t)
	Wants(t, n.SinceStart(), "node "+n.Ident()+" has no data, but has been a member of the cluster",
		"chronik-server cluster replace-node "+n.Ident())
}

// Names reports whether the node's configuration names another.
func (n *Node) Names(other *Node) bool {
	return slices.ContainsFunc(n.Args, func(arg string) bool {
		peers, ok := strings.CutPrefix(arg, "cluster.peers=")
		return ok && n != other && strings.Contains(","+peers, ","+other.Ident()+"@")
	})
}
