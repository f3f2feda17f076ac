package kafkaproto

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func metadataRequest(version int16, topics ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(version)
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return req
}

// topicsOf returns the names and error codes of an answer's topics.
func topicsOf(resp *kmsg.MetadataResponse) map[string]int16 {
	out := make(map[string]int16)
	for _, t := range resp.Topics {
		out[orEmpty(t.Topic)] = t.ErrorCode
	}
	return out
}

func TestMetadataMeansAllOrNoTopicsByItsVersion(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	all := map[string]int16{"orders": 0, "logs": 0}
	for version := range int16(14) {
		empty, null := metadataRequest(version), metadataRequest(version)
		null.Topics = nil
		wantEmpty := map[string]int16{}
		if version == 0 {
			wantEmpty = all
		}
		if diff := cmp.Diff(wantEmpty, topicsOf(ask[*kmsg.MetadataResponse](c, empty))); diff != "" {
			t.Errorf("version %d, no topics: %s", version, diff)
		}
		if version == 0 {
			continue // has no null
		}
		if diff := cmp.Diff(all, topicsOf(ask[*kmsg.MetadataResponse](c, null))); diff != "" {
			t.Errorf("version %d, null topics: %s", version, diff)
		}
	}
}

func TestMetadataDescribesTopicsByNameAndId(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	req := metadataRequest(13, "orders", "orders", "missing", "bad/name")
	req.IncludeTopicAuthorizedOperations = true
	resp := ask[*kmsg.MetadataResponse](c, req)
	want := map[string]int16{
		"orders":   0,
		"missing":  kerr.UnknownTopicOrPartition.Code,
		"bad/name": kerr.InvalidTopicException.Code,
	}
	if diff := cmp.Diff(want, topicsOf(resp)); diff != "" || len(resp.Topics) != 3 {
		t.Errorf("%d topics: %s", len(resp.Topics), diff)
	}
	orders := resp.Topics[0]
	if orders.TopicID != (metadata.TopicID{1}) || len(orders.Partitions) != 3 || orders.AuthorizedOperations != 3576 {
		t.Errorf("got %+v", orders)
	}
	if *resp.ClusterID != "a-cluster" || resp.ControllerID != 1 || *resp.Brokers[0].Rack != "r1" {
		t.Errorf("got %+v", resp)
	}

	req = metadataRequest(12)
	req.Topics = []kmsg.MetadataRequestTopic{{TopicID: metadata.TopicID{2}}, {TopicID: metadata.TopicID{77}}}
	resp = ask[*kmsg.MetadataResponse](c, req)
	if len(resp.Topics) != 2 || resp.Topics[0].ErrorCode != kerr.UnknownTopicID.Code || resp.Topics[0].Topic != nil ||
		*resp.Topics[1].Topic != "logs" {
		t.Errorf("got %+v", resp.Topics)
	}

	req.SetVersion(11) // where ids have no meaning yet
	if resp = ask[*kmsg.MetadataResponse](c, req); resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("got %+v", resp.Topics)
	}
	req.SetVersion(13)
	req.Topics = []kmsg.MetadataRequestTopic{{}} // neither name nor id
	if resp = ask[*kmsg.MetadataResponse](c, req); resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code ||
		resp.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("got %+v", resp)
	}
}

func TestAListenerWithoutAdvertisedAddressNamesTheOneThatTheClientHasComeBy(t *testing.T) {
	f := newFakes(t)
	s := start(t, f, func(st *Settings, _ *Server) {
		st.Listeners = []Listener{
			{Name: "PLAIN", Address: "127.0.0.1:0"},
			{Name: "ANY", Address: "0.0.0.0:0"},
			{Name: "OUTSIDE", Address: "127.0.0.1:0", Advertised: "broker.example:19092"},
		}
	})
	port := func(i int) string { return strconv.Itoa(s.Addrs()[i].(*net.TCPAddr).Port) }
	for _, c := range []struct{ dial, want string }{
		{"127.0.0.1:" + port(0), "127.0.0.1:" + port(0)},
		{"127.0.0.2:" + port(1), "127.0.0.2:" + port(1)},
		{"127.0.0.1:" + port(2), "broker.example:19092"},
	} {
		s.addr = c.dial
		client := s.dial(t)
		host := func(h string, p int32) string { return net.JoinHostPort(h, strconv.Itoa(int(p))) }

		m := ask[*kmsg.MetadataResponse](client, metadataRequest(9))
		if got := host(m.Brokers[0].Host, m.Brokers[0].Port); got != c.want {
			t.Errorf("Metadata by %s names %s", c.dial, got)
		}
		d := kmsg.NewPtrDescribeClusterRequest()
		dr := ask[*kmsg.DescribeClusterResponse](client, d)
		if got := host(dr.Brokers[0].Host, dr.Brokers[0].Port); got != c.want {
			t.Errorf("DescribeCluster by %s names %s", c.dial, got)
		}
		for _, version := range []int16{0, 3, 4, 6} {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.SetVersion(version)
			req.CoordinatorKey, req.CoordinatorKeys = "g", []string{"g"}
			resp := ask[*kmsg.FindCoordinatorResponse](client, req)
			got := host(resp.Host, resp.Port)
			if version >= 4 {
				got = host(resp.Coordinators[0].Host, resp.Coordinators[0].Port)
			}
			if got != c.want {
				t.Errorf("FindCoordinator version %d by %s names %s", version, c.dial, got)
			}
		}
	}
}

func TestALinkLocalAddressHasItsZone(t *testing.T) {
	for want, a := range map[string]net.TCPAddr{
		"fe80::1%eth0": {IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "2001:db8::1": {IP: net.ParseIP("2001:db8::1")},
		"10.0.0.1": {IP: net.ParseIP("10.0.0.1")},
	} {
		if got := hostOf(&a); got != want {
			t.Errorf("%v is shown as %s, want %s", a, got, want)
		}
	}
}

func TestAnAdvertisedAddressMustNameHostAndPort(t *testing.T) {
	for _, bad := range []string{"host", "host:", ":9092", "host:70000", "host:x"} {
		_, err := New(Settings{
			Listeners: []Listener{{Name: "L", Advertised: bad}},
			NodeID:    1,
			Services:  newFakes(t).services(),
			Logger:    discard(),
			Limits:    ample(),
		})
		if err == nil || !strings.Contains(err.Error(), "advertised address") {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestTopicPartitionsAreDescribedInPages(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 2
	var pages [][]string
	for range 10 {
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, req)
		var page []string
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				page = append(page, *topic.Topic+"-"+strconv.Itoa(int(p.Partition)))
			}
		}
		pages = append(pages, page)
		if resp.NextCursor == nil {
			break
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{
			Topic:     resp.NextCursor.Topic,
			Partition: resp.NextCursor.Partition,
		}
	}
	if diff := cmp.Diff([][]string{{"logs-0", "orders-0"}, {"orders-1", "orders-2"}}, pages); diff != "" {
		t.Error(diff)
	}

	req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: "orders", Partition: -1}
	req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}}
	if got := ask[*kmsg.DescribeTopicPartitionsResponse](c, req).Topics[0].ErrorCode; got != kerr.InvalidRequest.Code {
		t.Errorf("a cursor before the first partition: code %d", got)
	}
	req.Cursor, req.Topics = nil, []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}, {Topic: "missing"}}
	resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, req)
	if resp.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code || len(resp.Topics[1].Partitions) != 2 ||
		resp.NextCursor.Partition != 2 {
		t.Errorf("got %+v", resp)
	}
}
