package kafkaproto

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// fakeVoters records the nodes that were added and removed, and the calls of Lead.
type fakeVoters struct {
	added   map[int32]string
	removed []int32
	leads   int
	err     error
}

func (v *fakeVoters) Add(_ context.Context, node int32, address string) error {
	if v.added == nil {
		v.added = map[int32]string{}
	}
	v.added[node] = address
	return v.err
}

func (v *fakeVoters) Remove(_ context.Context, node int32, directory [16]byte) error {
	if directory != [16]byte{} {
		return fault.New(fault.VoterNotFound, "another directory")
	}
	v.removed = append(v.removed, node)
	return v.err
}

func (v *fakeVoters) Lead(context.Context) error {
	v.leads++
	return v.err
}

func addVoter(node int32, host string, port uint16) *kmsg.AddRaftVoterRequest {
	req := kmsg.NewPtrAddRaftVoterRequest()
	req.VoterID = node
	req.Listeners = []kmsg.AddRaftVoterRequestListener{{Name: "RAFT", Host: host, Port: port}}
	return req
}

func TestVotersAreAddedAtTheAddressOfTheirFirstListener(t *testing.T) {
	f, voters := newFakes(t), new(fakeVoters)
	f.voters = voters
	c := start(t, f).dial(t)
	for version := range int16(2) {
		req := addVoter(4+int32(version), "host4", 9192)
		req.SetVersion(version)
		if resp := ask[*kmsg.AddRaftVoterResponse](c, req); resp.ErrorCode != 0 || resp.ErrorMessage != nil {
			t.Errorf("version %d: %+v", version, resp)
		}
	}
	if diff := cmp.Diff(map[int32]string{4: "host4:9192", 5: "host4:9192"}, voters.added); diff != "" {
		t.Errorf("added (-want +got):\n%s", diff)
	}
	own, other := "a-cluster", "another"
	for name, c2 := range map[string]struct {
		change func(*kmsg.AddRaftVoterRequest)
		code   int16
	}{
		"this cluster":    {func(r *kmsg.AddRaftVoterRequest) { r.ClusterID = &own }, 0},
		"another cluster": {func(r *kmsg.AddRaftVoterRequest) { r.ClusterID = &other }, kerr.InconsistentClusterID.Code},
		"no address":      {func(r *kmsg.AddRaftVoterRequest) { r.Listeners = nil }, kerr.InvalidRequest.Code},
		"no port":         {func(r *kmsg.AddRaftVoterRequest) { r.Listeners[0].Port = 0 }, kerr.InvalidRequest.Code},
		"node -1":         {func(r *kmsg.AddRaftVoterRequest) { r.VoterID = -1 }, kerr.InvalidRequest.Code},
	} {
		req := addVoter(6, "host6", 9192)
		c2.change(req)
		if resp := ask[*kmsg.AddRaftVoterResponse](c, req); resp.ErrorCode != c2.code {
			t.Errorf("%s: error %d, want %d", name, resp.ErrorCode, c2.code)
		}
	}
	voters.err = fault.New(fault.DuplicateVoter, "node 4 is a member")
	resp := ask[*kmsg.AddRaftVoterResponse](c, addVoter(4, "host4", 9192))
	if resp.ErrorCode != kerr.DuplicateVoter.Code || resp.ErrorMessage == nil ||
		*resp.ErrorMessage != "node 4 is a member" {
		t.Errorf("a voter that is one: %+v", resp)
	}
}

func TestVotersAreRemoved(t *testing.T) {
	f, voters := newFakes(t), new(fakeVoters)
	f.voters = voters
	c := start(t, f).dial(t)
	req := kmsg.NewPtrRemoveRaftVoterRequest()
	req.VoterID = 3
	if resp := ask[*kmsg.RemoveRaftVoterResponse](c, req); resp.ErrorCode != 0 ||
		!slices.Equal(voters.removed, []int32{3}) {
		t.Errorf("%+v, removed are %v", resp, voters.removed)
	}
	req.VoterDirectoryID[0] = 1
	if resp := ask[*kmsg.RemoveRaftVoterResponse](c, req); resp.ErrorCode != kerr.VoterNotFound.Code ||
		*resp.ErrorMessage != "another directory" {
		t.Errorf("another directory: %+v", resp)
	}
}

func TestAPreferredElectionOfTheMetadataIsForTheBrokerThatIsAsked(t *testing.T) {
	f, voters := newFakes(t), new(fakeVoters)
	f.elect = func(elections []controller.Election, _ bool) {
		for i := range elections {
			elections[i].Err = fault.UnknownTopicOrPartition
		}
	}
	req := kmsg.NewPtrElectLeadersRequest()
	req.SetVersion(2)
	req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: quorumTopic, Partitions: []int32{0, 1}}}
	unknown := kerr.UnknownTopicOrPartition.Code
	for _, c := range []struct {
		voters  Voters
		unclean bool
		want    []int16
	}{
		{voters, false, []int16{0, unknown}},
		{voters, true, []int16{unknown, unknown}},
		{nil, false, []int16{unknown, unknown}},
	} {
		f.voters = c.voters
		req.ElectionType = preferredElection
		if c.unclean {
			req.ElectionType = uncleanElection
		}
		var got []int16
		for _, p := range ask[*kmsg.ElectLeadersResponse](start(t, f).dial(t), req).Topics[0].Partitions {
			got = append(got, p.ErrorCode)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("in a cluster: %t, unclean: %t: errors %v, want %v", c.voters != nil, c.unclean, got, c.want)
		}
	}
	if voters.leads != 1 {
		t.Errorf("it was to lead %d times", voters.leads)
	}
}

func TestVotersAreAnnouncedInAClusterOnly(t *testing.T) {
	f := newFakes(t)
	for _, clustered := range []bool{false, true} {
		if clustered {
			f.voters = new(fakeVoters)
		}
		c := start(t, f).dial(t)
		announced := slices.ContainsFunc(ask[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest()).ApiKeys,
			func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == 80 })
		if announced != clustered {
			t.Errorf("announced in a cluster: %t, got %t", clustered, announced)
		}
		if c.send(addVoter(4, "h", 1)); !clustered {
			c.wantClosed()
		}
	}
}
