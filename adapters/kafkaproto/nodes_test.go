package kafkaproto

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/test/authority"
)

// withNodes makes a server recognize nodes by their certificates. A certificate's common name is the node's id, or
// empty for any node.
func withNodes(t *testing.T, a *authority.Authority) func(*Settings, *Server) {
	t.Helper()
	cert, pool := a.Node(t, "server", nil).Load(t)
	return func(s *Settings, _ *Server) {
		s.Nodes = &Nodes{
			TLS: &tls.Config{
				MinVersion:   tls.VersionTLS13,
				Certificates: []tls.Certificate{cert},
				ClientAuth:   tls.RequireAndVerifyClientCert,
				ClientCAs:    pool,
			},
			NodeID: func(c *x509.Certificate) (int32, error) {
				if c.Subject.CommonName == "" {
					return -1, nil
				}
				id, err := strconv.ParseInt(c.Subject.CommonName, 10, 32)
				return int32(id), err
			},
		}
	}
}

func named(id string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName = id }
}

// dialAs connects by TLS, with a certificate if the server requests one.
func (r *running) dialAs(t *testing.T, f authority.Files) *client {
	t.Helper()
	c := r.dial(t)
	cert, pool := f.Load(t)
	c.Conn = tls.Client(c.Conn, &tls.Config{
		ServerName: "127.0.0.1", RootCAs: pool,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
	})
	return c
}

func (s *Server) memoryOfConnections() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connMemory
}

func TestClientsAndNodesAreServedOnOneAddress(t *testing.T) {
	a := authority.New(t)
	s := start(t, newFakes(t), withNodes(t, a))
	plain, node := s.dial(t), s.dialAs(t, a.Node(t, "node", nil))
	for range 3 {
		for who, c := range map[string]*client{"client": plain, "node": node} {
			if resp := ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest()); len(resp.Brokers) != 1 ||
				resp.Brokers[0].Host != "127.0.0.1" {
				t.Errorf("the %s gets the brokers %+v", who, resp.Brokers)
			}
		}
	}
	if got, want := s.memoryOfConnections(), int64(2*connectionCost+tlsCost); got != want {
		t.Errorf("connections are counted with %d bytes, want %d", got, want)
	}
	_ = plain.Close()
	_ = node.Close()
	eventually(t, "the connections' memory is given back", func() bool { return s.memoryOfConnections() == 0 })
}

func TestAFrameMayComeInPiecesToAListenerThatKnowsNodes(t *testing.T) {
	c := start(t, newFakes(t), withNodes(t, authority.New(t))).dial(t)
	req := kmsg.NewPtrMetadataRequest()
	for _, b := range frameOf(req, 1) {
		c.write([]byte{b})
	}
	receive[*kmsg.MetadataResponse](c, req, 1)
}

func TestLargeFetchesComeByTLS(t *testing.T) {
	a, f := authority.New(t), newFakes(t)
	var want [3][]byte
	f.fetch = func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse {
		resp := new(replicas.FetchResponse)
		for i, n := range []int{5<<20 + 1, 100, copyBelow} {
			got := replicas.FetchedPartition{
				FetchTarget:          replicas.FetchTarget{Topic: "orders", Partition: int32(i)},
				PreferredReadReplica: -1,
			}
			got.Records, want[i] = slice(t, n)
			resp.Partitions = append(resp.Partitions, got)
		}
		return resp
	}
	s := start(t, f, withNodes(t, a))
	c := s.dialAs(t, a.Node(t, "node", nil))
	before := openFiles(t)
	req := follow(12, 2)
	for range 3 {
		for i, p := range ask[*kmsg.FetchResponse](c, req).Topics[0].Partitions {
			if !bytes.Equal(p.RecordBatches, want[i]) {
				t.Fatalf("partition %d: %d bytes, want %d", i, len(p.RecordBatches), len(want[i]))
			}
		}
	}
	eventually(t, "the files are released", func() bool { return openFiles(t) <= before+1 })
}

// follow is a fetch of orders-0 by a replica, which is a consumer below 0.
func follow(version int16, replica int32) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(version)
	topic, part := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	topic.Topic, topic.TopicID[0], topic.Partitions = "orders", 1, append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	req.ReplicaID = -1
	if version <= 14 {
		req.ReplicaID = replica
	} else if replica >= 0 {
		req.ReplicaState.ID, req.ReplicaState.Epoch = replica, 7
	}
	return req
}

func TestOnlyNodesFetchAsFollowers(t *testing.T) {
	a, f := authority.New(t), newFakes(t)
	var served []int32
	f.fetch = func(_ context.Context, req *replicas.FetchRequest) *replicas.FetchResponse {
		id := int32(-1)
		if req.Follower != nil {
			id = req.Follower.ID
		}
		served = append(served, id)
		return new(replicas.FetchResponse)
	}
	s := start(t, f, withNodes(t, a))
	anyNode, node2 := s.dialAs(t, a.Node(t, "any", nil)), s.dialAs(t, a.Node(t, "node2", named("2")))
	plain := s.dial(t)
	for _, version := range []int16{4, 6, 7, 12, 14, 15, 17, 18} {
		for _, c := range []struct {
			who     string
			from    *client
			replica int32
			refused bool
		}{
			{"a client", plain, 2, true},
			{"a client that consumes", plain, -1, false},
			{"a node", anyNode, 2, false},
			{"node 2", node2, 2, false},
			{"node 2 as node 3", node2, 3, true},
			{"node 2 that consumes", node2, -1, false},
		} {
			served = nil
			resp := ask[*kmsg.FetchResponse](c.from, follow(version, c.replica))
			var code, partition int16
			if c.refused {
				partition = kerr.TopicAuthorizationFailed.Code
				if version >= 7 {
					code = kerr.ClusterAuthorizationFailed.Code
				}
			}
			if resp.ErrorCode != code || resp.SessionID != 0 {
				t.Errorf("version %d, %s: error %d, want %d, session %d", version, c.who, resp.ErrorCode, code, resp.SessionID)
			}
			switch {
			case c.refused && (len(resp.Topics) != 1 || resp.Topics[0].Partitions[0].ErrorCode != partition ||
				resp.Topics[0].Partitions[0].HighWatermark != -1):
				t.Errorf("version %d, %s: %+v, want error %d", version, c.who, resp.Topics, partition)
			case c.refused != (len(served) == 0), !c.refused && served[0] != c.replica:
				t.Errorf("version %d, %s: the service was asked by %v, refused: %t", version, c.who, served, c.refused)
			}
		}
	}
	if n := s.log.count("request refused"); n == 0 || n > noisePerPeriod {
		t.Errorf("%d log lines are about refused requests", n)
	}
}

func TestOnlyNodesSendHeartbeats(t *testing.T) {
	a, f, controller := authority.New(t), newFakes(t), new(fakeController)
	f.controller = controller
	s := start(t, f, withNodes(t, a))
	plain, node2 := s.dial(t), s.dialAs(t, a.Node(t, "node2", named("2")))
	for who, c := range map[string]struct {
		from *client
		as   int32
	}{"a client": {plain, 2}, "node 2 as node 3": {node2, 3}} {
		resp := ask[*kmsg.BrokerHeartbeatResponse](c.from, heartbeat(c.as))
		if resp.ErrorCode != kerr.ClusterAuthorizationFailed.Code || !resp.IsFenced {
			t.Errorf("%s is answered %+v", who, resp)
		}
	}
	if resp := ask[*kmsg.BrokerHeartbeatResponse](node2, heartbeat(2)); resp.ErrorCode != 0 {
		t.Errorf("node 2 is answered %+v", resp)
	}
	if len(controller.beats) != 1 || controller.beats[0].BrokerID != 2 {
		t.Errorf("the controller has got %+v", controller.beats)
	}
	_ = plain.Close()
	_ = node2.Close()
	eventually(t, "the loss of broker 2 is reported", func() bool {
		lost := controller.lost()
		return len(lost) == 1 && lost[0] == 2
	})
}

func TestOnlyNodesAskForEpochsAsReplicas(t *testing.T) {
	a := authority.New(t)
	s := start(t, newFakes(t), withNodes(t, a))
	req := kmsg.NewPtrOffsetForLeaderEpochRequest()
	req.SetVersion(4)
	topic, part := kmsg.NewOffsetForLeaderEpochRequestTopic(), kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	topic.Topic, topic.Partitions = "orders", append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	plain, node := s.dial(t), s.dialAs(t, a.Node(t, "node", nil))
	for _, c := range []struct {
		from    *client
		replica int32
		code    int16
		end     int64
	}{{plain, 2, kerr.ClusterAuthorizationFailed.Code, -1}, {plain, -1, 0, 42}, {plain, -2, 0, 42}, {node, 2, 0, 42}} {
		req.ReplicaID = c.replica
		p := ask[*kmsg.OffsetForLeaderEpochResponse](c.from, req).Topics[0].Partitions[0]
		if p.ErrorCode != c.code || p.EndOffset != c.end {
			t.Errorf("as replica %d by %T: %+v, want error %d", c.replica, c.from.Conn, p, c.code)
		}
	}
}

func TestWithoutCertificatesEveryClientIsAccepted(t *testing.T) {
	f, controller := newFakes(t), new(fakeController)
	f.controller = controller
	c := start(t, f).dial(t)
	if resp := ask[*kmsg.FetchResponse](c, follow(12, 2)); resp.ErrorCode != 0 {
		t.Errorf("a follower is answered %+v", resp)
	}
	if resp := ask[*kmsg.BrokerHeartbeatResponse](c, heartbeat(2)); resp.ErrorCode != 0 {
		t.Errorf("a heartbeat is answered %+v", resp)
	}
}

func TestStrangersByTLSAreRefused(t *testing.T) {
	ours, theirs := authority.New(t), authority.New(t)
	s := start(t, newFakes(t), withNodes(t, ours))
	stranger := theirs.Node(t, "stranger", nil)
	stranger.CA = ours.CAFile
	for name, c := range map[string]struct {
		files authority.Files
		log   string
	}{
		"of another authority":          {stranger, "unknown authority"},
		"with a name that is no node's": {ours.Node(t, "odd", named("x")), "invalid syntax"},
		"with a certificate for servers": {
			ours.Node(t, "web",
				func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
			"incompatible key usage",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dialAs(t, c.files)
			_, _ = c.Write(frameOf(kmsg.NewPtrMetadataRequest(), 1)) // the handshake ends well on this side
			c.wantClosed()
		})
		eventually(t, "the log says "+c.log, func() bool { return s.log.count(c.log) == 1 })
	}
	eventually(t, "nothing is held", func() bool { return s.memoryOfConnections() == 0 })
}

func TestGarbageEndsAConnection(t *testing.T) {
	s := start(t, newFakes(t), withNodes(t, authority.New(t)),
		func(st *Settings, _ *Server) { st.Limits.Handshake = 500 * time.Millisecond })
	for name, sent := range map[string]string{
		"a frame's size that begins like TLS": "\x16\x00\x00\x10",
		"TLS that is none":                    "\x16\x03\x01\x00\x05hello",
		"a record beyond all bounds":          "\x16\x03\x01\xff\xff",
		"HTTP":                                "GET / HTTP/1.1\r\n\r\n",
		"a handshake without end": "\x16\x03\x01\x40\x00\x01\x00\xff\xff" + strings.Repeat("x", 0x4000-4) +
			strings.Repeat("\x16\x03\x01\x40\x00"+strings.Repeat("x", 0x4000), 4),
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			_, _ = c.Write([]byte(sent))         // it may be closed before all is written
			for err := error(nil); err == nil; { // an alert may come
				_, err = c.Read(make([]byte, 100))
				if os.IsTimeout(err) {
					t.Error("the connection stays open")
				}
			}
		})
	}
	ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
	eventually(t, "nothing is held", func() bool { return s.memoryOfConnections() <= connectionCost })
}

// hello is the beginning of a handshake.
const hello = "\x16\x03\x01\x00\xf8\x01\x00\x00"

func TestASlowHandshakeTimesOutAndDelaysNoOtherConnection(t *testing.T) {
	a := authority.New(t)
	s := start(t, newFakes(t), withNodes(t, a),
		func(st *Settings, _ *Server) { st.Limits.Handshake = 300 * time.Millisecond })
	var slow []*client
	for range 20 {
		c := s.dial(t)
		c.write([]byte(hello))
		slow = append(slow, c)
	}
	eventually(t, "the handshakes are under way", func() bool {
		return s.memoryOfConnections() == 20*(connectionCost+tlsCost) || s.log.count("not done") > 0
	})
	ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
	ask[*kmsg.MetadataResponse](s.dialAs(t, a.Node(t, "node", nil)), kmsg.NewPtrMetadataRequest())
	for _, c := range slow {
		c.wantClosed()
	}
	eventually(t, "the handshakes are logged", func() bool { return s.log.count("not done within 300ms") > 0 })
	eventually(t, "their memory is given back", func() bool { return s.memoryOfConnections() <= 2*connectionCost+tlsCost })
}

func TestAConnectionThatSendsNothingIsIdle(t *testing.T) {
	f := newFakes(t)
	f.ints["connections.max.idle.ms"] = 100
	c := start(t, f, fastTicks, withNodes(t, authority.New(t))).dial(t)
	c.wantClosed()
}

func TestAConnectionThatEndsInItsHandshakeLeavesNothing(t *testing.T) {
	s := start(t, newFakes(t), withNodes(t, authority.New(t)))
	for _, sent := range []string{"", hello} {
		c := s.dial(t)
		c.write([]byte(sent))
		_ = c.Close()
	}
	eventually(t, "nothing is held", func() bool { return s.memoryOfConnections() == 0 && s.Connections() == 0 })
}

func TestAServerThatStopsDoesNotWaitForHandshakes(t *testing.T) {
	s := start(t, newFakes(t), withNodes(t, authority.New(t)),
		func(st *Settings, _ *Server) { st.Limits.Handshake, st.Limits.Grace = time.Hour, time.Hour })
	c := s.dial(t)
	c.write([]byte(hello))
	eventually(t, "the handshake is under way", func() bool { return s.memoryOfConnections() > connectionCost })
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if n := s.log.count("refused"); n != 0 {
		t.Errorf("%d lines are about a refused connection, though it is the server that stops", n)
	}
}

func TestHandshakesTakeOfTheConnectionsMemory(t *testing.T) {
	a := authority.New(t)
	s := start(t, newFakes(t), withNodes(t, a),
		func(st *Settings, _ *Server) { st.Limits.ConnectionMemory = 2*tlsCost + 2*connectionCost })
	first, second := s.dial(t), s.dial(t)
	first.write([]byte(hello))
	eventually(t, "the handshake is under way", func() bool { return s.memoryOfConnections() >= tlsCost })
	ask[*kmsg.MetadataResponse](second, kmsg.NewPtrMetadataRequest())
	third := s.dialAs(t, a.Node(t, "node", nil))
	_, _ = third.Write(frameOf(kmsg.NewPtrMetadataRequest(), 1))
	third.wantClosed()
	eventually(t, "the reason is logged", func() bool { return s.log.count("no memory is left") == 1 })
	ask[*kmsg.MetadataResponse](second, kmsg.NewPtrMetadataRequest())
}

func TestNoFrameIsTakenForTLS(t *testing.T) {
	f := newFakes(t)
	f.ints["socket.request.max.bytes"] = 1<<31 - 1
	huge := func(st *Settings, _ *Server) { st.Limits.RequestMemory = 1 << 40 }
	if s := start(t, f, huge, withNodes(t, authority.New(t))); s.maxFrame>>24 >= tlsBegins {
		t.Errorf("frames of %x bytes are allowed", s.maxFrame)
	}
	if s := start(t, f, huge); s.maxFrame != 1<<31-1 {
		t.Errorf("without nodes' certificates, frames of %d bytes are allowed at most", s.maxFrame)
	}
}
