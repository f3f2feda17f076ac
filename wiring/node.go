//go:build raft

package wiring

import (
	"context"
	"log/slog"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/bootclock"
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/wiring/cluster"
)

// nodeSet makes what only a node of a cluster has.
var nodeSet = wire.NewSet(
	cluster.OpenTLS, newNodes, openRaftNode, openNodeMetadata,
	newNodeLease, newMember,
	wire.Struct(new(joinNeeds), "*"), registerNode, wire.FieldsOf(new(registered[*raftmeta.Store]), "Store", "Epoch"),
	wire.Struct(new(workNeeds), "*"), newWork, newNodeRole,
	wire.FieldsOf(new(*cluster.Work), "Controller"), newServing,
	wire.Struct(new(kafkaproto.Services), "*"),
	wire.Bind(new(kafkaproto.Quorum), new(*cluster.Metadata)),
	wire.Bind(new(kafkaproto.Voters), new(*cluster.Metadata)),
	wire.Bind(new(kafkaproto.Controller), new(*controller.QuorumProgress)),
)

// newNodes says how the Kafka server knows the other nodes; nil where they show no certificates.
func newNodes(certs *nodetls.Certificates) *kafkaproto.Nodes {
	if certs == nil {
		return nil
	}
	return &kafkaproto.Nodes{TLS: certs.Server(), NodeID: nodetls.NodeID}
}

// openRaftNode opens this node's side of Raft.
func openRaftNode(certs *nodetls.Certificates, n storeNeeds) (*raftnode.Manager, func(), error) {
	n.Steps.begin("open the raft node")
	node, err := cluster.OpenNode(n.Config, certs, n.Dir.path, n.Space, n.Log)
	if err != nil {
		return nil, nil, err
	}
	return node, closing(n.Steps, n.Log, "raft node", node.Close), nil
}

// openNodeMetadata opens the metadata that the node replicates; registerNode makes of it what services depend on.
func openNodeMetadata(
	ctx context.Context, certs *nodetls.Certificates, nodes *kafkaproto.Nodes, node *raftnode.Manager, n storeNeeds,
) (*cluster.Metadata, func(), error) {
	n.Steps.begin("open the metadata store")
	md, err := cluster.Open(ctx, n.Config, certs, nodes, node, n.wal(), n.Log)
	if err != nil {
		return nil, nil, err
	}
	return md, closing(n.Steps, n.Log, "metadata store", md.Close), nil
}

// newNodeLease is the lease of a node, which has to end while its machine is suspended, too.
func newNodeLease() *replicas.Lease { return replicas.NewLease(bootclock.New().Now) }

// newMember says who this broker is in its cluster.
func newMember(cfg *configs.Config, node nodeID, lease *replicas.Lease) (controller.MembershipSettings, error) {
	endpoints, err := cluster.Endpoints(cfg)
	return controller.MembershipSettings{
		NodeID: int32(node), Incarnation: newUUID(), Rack: cfg.Kafka["broker.rack"], Endpoints: endpoints, Lease: lease,
	}, err
}

// joinNeeds is what registering a node needs.
type joinNeeds struct {
	Metadata *cluster.Metadata
	Member   controller.MembershipSettings
	Logs     ports.LogStore
	Clock    ports.Clock
	Log      *slog.Logger
	Steps    *Progress
}

// registerNode makes the broker one that the cluster's metadata knows, if it can store records. It waits for a majority
// of the nodes.
func registerNode(ctx context.Context, n joinNeeds) (registered[*raftmeta.Store], error) {
	if err := n.Logs.Err(); err != nil {
		return registered[*raftmeta.Store]{}, err
	}
	n.Steps.begin("wait for a majority of the nodes")
	epoch, err := n.Metadata.Register(ctx, n.Member, newClusterID(), n.Clock, n.Log)
	return registered[*raftmeta.Store]{n.Metadata.Store, brokerEpoch(epoch)}, err
}

// workNeeds is what newWork needs.
type workNeeds struct {
	Config     *configs.Config
	Certs      *nodetls.Certificates
	Store      ports.MetadataStore
	Member     controller.MembershipSettings
	Partitions *replicas.Partitions
	Configs    *brokerconfigs.Configs
	Clock      ports.Clock
	Log        *slog.Logger
}

// newWork returns what the broker does as a node; the cleanup ends its connections to the other nodes.
func newWork(n workNeeds) (*cluster.Work, func()) {
	w := cluster.NewWork(n.Config, n.Certs, n.Store, n.Member, n.Partitions, n.Configs, n.Clock, n.Log)
	return w, w.Close
}

// newNodeRole is the role of a node.
func newNodeRole(
	w *cluster.Work, md *cluster.Metadata, certs *nodetls.Certificates, nodes *kafkaproto.Nodes, log *slog.Logger,
) role {
	md.Follow(w.Controller)
	meta := func(ctx context.Context) error { return w.EnsureMetaTopic(ctx, newTopicID, log) }
	vote := func(ctx context.Context) error { return md.Vote(ctx, log) }
	return role{
		early: []stage{{"replication", w.Replication.Run}, {"controller", w.Controller.Run}},
		late:  []stage{{"vote", vote}, {"internal topics", meta}, {"membership", w.Membership.Run}},
		nodes: nodes, ready: w.Ready, throttled: w.Replication.ThrottledRate, reload: certs.Reload,
	}
}

// newServing is closed when the broker is in service in its cluster.
func newServing(w *cluster.Work) <-chan struct{} { return w.Membership.Serving() }
