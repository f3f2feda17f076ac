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
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/wiring/cluster"
)

// nodeSet provides the parts that only a node of a cluster has.
var nodeSet = wire.NewSet(joinSet, workSet, newNodeRole, wire.Struct(new(nodeStages), "*"))

// joinSet provides what joins the node to its cluster, and the replicated metadata in which this broker is registered.
var joinSet = wire.NewSet(
	wire.Value(lifecycle.NodeMetadata), cluster.OpenTLS, newNodes, openRaftNode,
	cluster.Claim, cluster.NewAsker, cluster.NewEarly,
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

// workSet provides the node's services for other nodes, and those for clients that only a cluster has.
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

// newNodes returns how the Kafka server authenticates other nodes, nil without certificates.
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

// openNodeMetadata opens the node's replicated metadata. Services depend on it only after registerNode.
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

// newNodeLease returns the lease of a node. It must also expire while the machine is suspended.
func newNodeLease(clock bootClock) *replicas.Lease { return replicas.NewLease(ports.Clock(clock)) }

// newMember returns how this broker registers in its cluster.
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

// registerNode registers the broker in the cluster's metadata, if its disk lets it store records. It waits for a
// majority of the nodes.
func registerNode(ctx context.Context, n joinNeeds) (registered[*raftmeta.Store], error) {
	if err := n.Logs.Err(); err != nil {
		return registered[*raftmeta.Store]{}, err
	}
	if err := lifecycle.CheckLogs(n.Metadata.Image(), n.Logs); err != nil {
		return registered[*raftmeta.Store]{}, err
	}
	n.Steps.begin("wait for a majority of the nodes")
	epoch, err := n.Joining.Register(ctx, n.Metadata.Store, n.Metadata.Own, n.Member, newClusterID())
	return registered[*raftmeta.Store]{n.Metadata.Store, brokerEpoch(epoch)}, err
}

func newReplication(
	p *replicas.Partitions, store ports.MetadataStore, peers *replication.Peers, c *brokerconfigs.Configs,
	log *slog.Logger,
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

// newServing returns the channel that is closed when the broker is unfenced.
func newServing(m *controller.Membership) <-chan struct{} { return m.Serving() }

// newMetaTopic creates __meta with the default replication factor, so that the cluster does not depend on a single node
// for it.
func newMetaTopic(
	cfg *configs.Config, store ports.MetadataStore, serving <-chan struct{}, newID func() metadata.TopicID,
	log *slog.Logger,
) *controller.MetaTopic {
	replicas := int16(min(int(cfg.Cluster.ReplicationFactor), len(cfg.Cluster.Peers)))
	return controller.NewMetaTopic(store, serving, replicas, newID, log)
}

// nodeStages are the stages that only a node of a cluster has.
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
		nodes: nodes, standing: s.Membership, throttled: s.Replication.ThrottledRate, reload: certs.Reload,
	}
}
