package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/wiring"
)

type clusterCmd struct {
	BootstrapServer []string      `default:"localhost:9092" placeholder:"HOST:PORT" help:"Where a node of the cluster serves Kafka clients. Several with commas between, or repeat it."`
	JSON            bool          `name:"json" help:"Print the outcome as JSON; progress goes to the standard error."`
	Timeout         time.Duration `placeholder:"TIME" help:"After how long to give up: 10s by default for status, 1h for what changes the cluster. What is being moved then goes on."`
	Step            int           `default:"20" help:"How many partitions are moved at once."`

	Status             statusCmd      `cmd:"" help:"Show the nodes, their part in the metadata's quorum, and what they hold and lead."`
	AddNode            addNodeCmd     `cmd:"" help:"Let a new node join. Start it afterwards, with cluster.join = true."`
	RemoveNode         removeNodeCmd  `cmd:"" help:"Move everything off a node and take it out of the cluster for good. A node that runs stops by itself."`
	ReplaceNode        replaceNodeCmd `cmd:"" help:"Let a new node join, give it what another one holds, and remove that one, which may be dead."`
	Rebalance          rebalanceCmd   `cmd:"" help:"Spread replicas and leaderships evenly over the nodes, over racks first."`
	TransferLeadership transferCmd    `cmd:"" help:"Make a node the leader of the metadata, or take all leaderships off a node."`
	Upgrade            upgradeCmd     `cmd:"" help:"Have the cluster write in the newest version that all its nodes can read. Older programs cannot join afterwards."`
}

// Validate implements kong's interface.
func (c *clusterCmd) Validate() error {
	if c.Step < 1 {
		return fmt.Errorf("--step %d: want 1 at least", c.Step)
	}
	return nil
}

// administer runs do on the cluster, prints progress, and prints the result: as JSON, or by show for people.
func administer[T any](
	ctx context.Context, p *process, c *clusterCmd,
	do func(context.Context, *wiring.ClusterAdmin) (T, error), show func(io.Writer, T) error,
) error {
	told := p.stdout
	if c.JSON {
		told = p.stderr
	}
	admin := wiring.OpenClusterAdmin(c.BootstrapServer, c.Step, func(e wiring.ClusterEvent) {
		to := told
		if _, waits := e.(wiring.AwaitingCluster); waits {
			to = p.stderr
		}
		fmt.Fprintln(to, progress(e))
	})
	defer admin.Close()
	timeout := cmp.Or(c.Timeout, changeTimeout)
	bounded, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("not done within %v", timeout))
	defer cancel()
	got, err := do(bounded, admin)
	if err != nil {
		return fmt.Errorf("cluster at %s: %w", strings.Join(c.BootstrapServer, ","), err)
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		return out.Encode(got)
	}
	return show(p.stdout, got)
}

// Time-outs without the flag --timeout.
const (
	statusTimeout = 10 * time.Second
	changeTimeout = time.Hour
)

type statusCmd struct{}

// Run shows the cluster.
func (statusCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(
		_ context.Context, a *wiring.ClusterAdmin, // after the time-out it still asks each node for the reason
	) (*wiring.ClusterStatus, error) {
		return a.Status(ctx, cmp.Or(c.Cluster.Timeout, statusTimeout))
	}, printStatus)
}

type addNodeCmd struct {
	Node int32  `arg:"" help:"The new node's cluster.node_id, which no node of this cluster has had before."`
	Raft string `arg:"" name:"raft-address" help:"The new node's raft address, host:port, as it stands in its cluster.peers."`
	Wait bool   `help:"Wait until the node has been started and is in service."`
}

// Run adds the node.
func (n *addNodeCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(ctx context.Context, a *wiring.ClusterAdmin) (*wiring.NodeAdded, error) {
		return a.AddNode(ctx, n.Node, n.Raft, n.Wait)
	}, printAdded)
}

type removeNodeCmd struct {
	Node  int32 `arg:"" help:"The node's id."`
	Force bool  `help:"Remove a node that will never run again, even if no other node has all its records."`
}

// Run removes the node.
func (n *removeNodeCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(
		ctx context.Context, a *wiring.ClusterAdmin,
	) (*wiring.NodeTakenOut, error) {
		return a.RemoveNode(ctx, n.Node, n.Force)
	}, printRemoved)
}

type replaceNodeCmd struct {
	Node  int32  `arg:"" help:"The id of the node that goes."`
	By    int32  `arg:"" help:"The cluster.node_id of the one that comes, which no node of this cluster has had before."`
	Raft  string `arg:"" name:"raft-address" help:"The raft address of the one that comes, host:port."`
	Force bool   `help:"Go on even if no other node has all records of the node that goes."`
}

// Run replaces the node.
func (n *replaceNodeCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(
		ctx context.Context, a *wiring.ClusterAdmin,
	) (*wiring.NodeTakenOut, error) {
		return a.ReplaceNode(ctx, n.Node, n.By, n.Raft, n.Force)
	}, printRemoved)
}

type rebalanceCmd struct {
	DryRun bool `help:"Only say what would be moved."`
}

// Run rebalances the cluster.
func (r *rebalanceCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(
		ctx context.Context, a *wiring.ClusterAdmin,
	) (*wiring.Rebalanced, error) {
		return a.Rebalance(ctx, r.DryRun)
	}, printRebalanced)
}

type transferCmd struct {
	To   *int32 `xor:"which" required:"" placeholder:"NODE" help:"Let this node lead the metadata."`
	From *int32 `xor:"which" required:"" placeholder:"NODE" help:"Take all leaderships off this node, those of partitions too. The command rebalance gives them back."`
}

// Run transfers leaderships.
func (t *transferCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(
		ctx context.Context, a *wiring.ClusterAdmin,
	) (*wiring.LeadersChanged, error) {
		return t.transfer(ctx, a)
	}, printLeaders)
}

// leaderships is what transferCmd needs of wiring.ClusterAdmin.
type leaderships interface {
	DrainLeadership(ctx context.Context, node int32) (*wiring.LeadersChanged, error)
	TransferLeadership(ctx context.Context, node int32) (*wiring.LeadersChanged, error)
}

// transfer does what the flags say. A node's id may be 0.
func (t *transferCmd) transfer(ctx context.Context, l leaderships) (*wiring.LeadersChanged, error) {
	if t.From != nil {
		return l.DrainLeadership(ctx, *t.From)
	}
	return l.TransferLeadership(ctx, *t.To)
}

type upgradeCmd struct {
	DryRun bool `help:"Only say which version that is."`
}

// Run upgrades the version in which the cluster writes.
func (u *upgradeCmd) Run(ctx context.Context, p *process, c *cli) error {
	return administer(ctx, p, &c.Cluster, func(ctx context.Context, a *wiring.ClusterAdmin) (*wiring.Upgraded, error) {
		return a.Upgrade(ctx, u.DryRun)
	}, printUpgraded)
}
