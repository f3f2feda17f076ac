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
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/wiring/cluster"
)

// nodeSet makes what only a node of a cluster has.
var nodeSet = wire.NewSet(joinSet, workSet, newNodeRole, wire.Struct(new(nodeStages), "*"))

// joinSet brings the node into its cluster, and makes metadata that is agreed on and knows this broker.
var joinSet = wire.NewSet(
	cluster.OpenTLS, newNodes, openRaftNode, cluster.Claim, cluster.NewAsker, cluster.NewEarly,
	controller.NewJoining, wire.Struct(new(controller.JoinSettings), "*"),
	wire.Bind(new(controller.VoterNotes), new(*raftnode.Manager)),
	wire.Bind(new(controller.VoterPeers), new(*cluster.Asker)),
	wire.Bind(new(controller.Announcer), new(*cluster.Early)),
	openNodeMetadata, wire.FieldsOf(new(*cluster.Metadata), "Group", "Own"),
	newBootClock, newNodeLease, newMember,
	wire.Struct(new(joinNeeds), "*"), registerNode, wire.FieldsOf(new(registered[*raftmeta.Store]), "Store", "Epoch"),
	wire.Bind(new(controller.VoterStore), new(*raftmeta.Store)),
	wire.Bind(new(controller.VoterGroup), new(cluster.Group)),
)

// workSet makes what the node does for the others, and what they and clients ask of it as a node.
var workSet = wire.NewSet(
	cluster.NewPeers, newReplication,
	newController, controller.NewQuorumProgress,
	newMembership, wire.Struct(new(membershipNeeds), "*"), newServing, newMetaTopic,
	cluster.NewForward, controller.NewVoters, wire.Struct(new(controller.VoterSettings), "*"),
	wire.Struct(new(kafkaproto.Services), "*"),
	wire.Bind(new(kafkaproto.Quorum), new(*controller.Voters)),
	wire.Bind(new(kafkaproto.Voters), new(*controller.Voters)),
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
	ctx context.Context, node *raftnode.Manager, joining *controller.Joining, n storeNeeds,
) (*cluster.Metadata, func(), error) {
	n.Steps.begin("open the metadata store")
	md, err := cluster.Open(ctx, n.Config, node, joining, n.wal(), n.Log)
	if err != nil {
		return nil, nil, err
	}
	return md, closing(n.Steps, n.Log, "metadata store", md.Close), nil
}

// bootClock is a clock that goes on while the machine is suspended.
type bootClock ports.Clock

func newBootClock() bootClock { return bootclock.New().Now }

// newNodeLease is the lease of a node: it has to end while its machine is suspended, too.
func newNodeLease(clock bootClock) *replicas.Lease { return replicas.NewLease(ports.Clock(clock)) }

// newMember says who this broker is in its cluster.
func newMember(cfg *configs.Config, node nodeID, lease *replicas.Lease) (controller.MembershipSettings, error) {
	endpoints, err := cluster.Endpoints(cfg)
	return controller.MembershipSettings{
		NodeID: int32(node), Incarnation: newUUID(), Rack: cfg.Kafka["broker.rack"], Endpoints: endpoints, Lease: lease,
	}, err
}

// joinNeeds is what registering a node needs.
type joinNeeds struct {
	Joining  *controller.Joining
	Metadata *cluster.Metadata
	Member   controller.MembershipSettings
	Logs     ports.LogStore
	Steps    *Progress
}

// registerNode makes the broker one that the cluster's metadata knows, if it can store records. It waits for a majority
// of the nodes.
func registerNode(ctx context.Context, n joinNeeds) (registered[*raftmeta.Store], error) {
	if err := n.Logs.Err(); err != nil {
		return registered[*raftmeta.Store]{}, err
	}
	n.Steps.begin("wait for a majority of the nodes")
	epoch, err := n.Joining.Register(ctx, n.Metadata.Store, n.Metadata.Own, n.Member, newClusterID())
	return registered[*raftmeta.Store]{n.Metadata.Store, brokerEpoch(epoch)}, err
}

func newReplication(
	p *replicas.Partitions, store ports.MetadataStore, peers *replication.Peers, c *brokerconfigs.Configs, log *slog.Logger,
) *replicas.Replication {
	return replicas.NewReplication(p, store, peers, c, log)
}

func newController(
	store ports.MetadataStore, c *brokerconfigs.Configs, peers *replication.Peers, clock ports.Clock, log *slog.Logger,
) *controller.Controller {
	return controller.NewController(store, c, controller.ControllerSettings{Gone: peers.Gone}, clock, log)
}

// membershipNeeds is what newMembership needs.
type membershipNeeds struct {
	Store    ports.MetadataStore
	Progress *controller.QuorumProgress
	Peers    *replication.Peers
	Member   controller.MembershipSettings
	Epoch    brokerEpoch
	Clock    ports.Clock
	Log      *slog.Logger
}

func newMembership(n membershipNeeds) *controller.Membership {
	n.Member.Epoch = int64(n.Epoch)
	return controller.NewMembership(
		n.Store, controller.Receivers{Local: n.Progress, Peers: n.Peers}, n.Member, n.Clock, n.Log,
	)
}

// newServing is closed when the broker is in service in its cluster.
func newServing(m *controller.Membership) <-chan struct{} { return m.Serving() }

// newMetaTopic makes __meta with as many replicas as other topics get, so that no node alone has what the cluster needs.
func newMetaTopic(
	cfg *configs.Config, store ports.MetadataStore, serving <-chan struct{}, newID func() metadata.TopicID, log *slog.Logger,
) *controller.MetaTopic {
	replicas := int16(min(int(cfg.Cluster.ReplicationFactor), len(cfg.Cluster.Peers)))
	return controller.NewMetaTopic(store, serving, replicas, newID, log)
}

// nodeStages is what runs in a node of a cluster.
type nodeStages struct {
	Replication *replicas.Replication
	Controller  *controller.QuorumProgress
	Voters      *controller.Voters
	MetaTopic   *controller.MetaTopic
	Membership  *controller.Membership
}

// newNodeRole is the role of a node.
func newNodeRole(s nodeStages, certs *nodetls.Certificates, nodes *kafkaproto.Nodes) role {
	return role{
		early: []stage{{"replication", s.Replication.Run}, {"controller", s.Controller.Run}},
		late:  []stage{{"vote", s.Voters.Run}, {"internal topics", s.MetaTopic.Run}, {"membership", s.Membership.Run}},
		nodes: nodes, ready: s.Membership.Ready, throttled: s.Replication.ThrottledRate, reload: certs.Reload,
	}
}
