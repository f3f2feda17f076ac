package classic

import "github.com/chronik-stream/chronik/core/domain/group"

// Description is a group in DescribeGroups.
type Description struct {
	Group, State           string // state: as State.String has it
	ProtocolType, Protocol string
	Members                []MemberDescription
	Err                    error
}

// MemberDescription is a member in a Description.
type MemberDescription struct {
	MemberID, InstanceID string
	Client               group.Client
	Metadata, Assignment []byte
}

// Describe returns the group as DescribeGroups shows it: subscriptions in the state Stable only, and the old
// assignments until there are new ones.
func (g *Group) Describe() Description {
	d := Description{Group: g.id, State: g.state.String(), ProtocolType: g.protocolType}
	stable := g.state == Stable
	if stable {
		d.Protocol = g.protocol
	}
	for _, m := range g.order {
		described := MemberDescription{
			MemberID: m.id, InstanceID: m.instanceID, Client: m.client, Assignment: m.assignment,
		}
		if stable {
			described.Metadata = m.subscription(g.protocol)
		}
		d.Members = append(d.Members, described)
	}
	return d
}

// Listing returns the group as ListGroups shows it.
func (g *Group) Listing() group.Listing {
	return group.Listing{Group: g.id, ProtocolType: g.protocolType, State: g.state.String(), Type: "classic"}
}
