//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestMetadataIsLinearizable has clients create, delete and describe the same few topics on all nodes, while the
// metadata's leader is killed. Changes must be linearizable over all nodes. Reads guarantee less: a node answers from
// its own copy, as Kafka's brokers do, which is never older than the changes that it has answered.
func TestMetadataIsLinearizable(t *testing.T) {
	t.Parallel()
	const workers, kills = 6, 3
	c := harness.StartCluster(t, 3, nil)
	h := &registers{began: time.Now(), answered: make(map[int32]int64)}
	working, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer func() { stop(); load.Wait() }()
	for id := range workers {
		load.Go(func() { h.work(working, t, id, c) })
	}
	for range kills {
		h.await(t, 40)
		n := c.Controller(t)
		n.Crash()
		h.await(t, 40)
		n.Launch(t)
		c.AwaitAll(t)
	}
	h.await(t, 40)
	stop()
	load.Wait()
	t.Logf("%d operations, %d of unknown outcome", len(h.ops), h.unknown)
	if result := porcupine.CheckOperationsTimeout(topicRegister, h.ops, time.Minute); result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", result)
		for _, op := range h.ops {
			t.Logf("%d to %d: client %d: %s", op.Call/1e3, op.Return/1e3, op.ClientId,
				topicRegister.DescribeOperation(op.Input, op.Output))
		}
	}
}

// operation is a request about a topic.
type operation struct {
	do    kmsg.Key
	node  int32
	topic string
	value int64 // of a new topic; its retention.ms
}

// outcome is the answer.
type outcome struct {
	known bool
	code  int16
	value int64 // the topic's when it was described, 0 for no topic
}

// topicRegister is a topic: it has a value, or 0 when there is none.
var topicRegister = porcupine.Model{
	Partition: func(ops []porcupine.Operation) (all [][]porcupine.Operation) {
		at := make(map[string]int)
		for _, op := range ops {
			topic := op.Input.(operation).topic
			i, ok := at[topic]
			if !ok {
				i = len(all)
				at[topic], all = i, append(all, nil)
			}
			all[i] = append(all[i], op)
		}
		return all
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		is, in, out := state.(int64), input.(operation), output.(outcome)
		switch {
		case in.do == kmsg.DescribeConfigs:
			return out.value == is, is
		case in.do == kmsg.CreateTopics && is == 0:
			return !out.known || out.code == 0, in.value
		case in.do == kmsg.CreateTopics:
			return !out.known || out.code == kerr.TopicAlreadyExists.Code, is
		case is == 0:
			return !out.known || out.code == kerr.UnknownTopicOrPartition.Code, is
		default:
			return !out.known || out.code == 0, int64(0)
		}
	},
	DescribeOperation: func(input, output any) string {
		return fmt.Sprintf("node %d: %s %s %d: %+v", input.(operation).node, input.(operation).do.Name(),
			input.(operation).topic, input.(operation).value, output)
	},
}

// registers is a history of topics.
type registers struct {
	began time.Time

	mu       sync.Mutex
	ops      []porcupine.Operation
	unknown  int
	answered map[int32]int64 // by node, the start of the latest change that it has answered
}

// await returns when there are n more operations whose outcome is known.
func (h *registers) await(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.ops) - h.unknown
	}
	want := count() + n
	harness.Within(t, time.Minute, "further operations", func() bool { return count() >= want })
}

// work is one client: it sends one request after the other, each to a random node.
func (h *registers) work(ctx context.Context, t *testing.T, id int, c *harness.Cluster) {
	var clients []*kgo.Client
	for _, n := range c.Nodes {
		cl, err := kgo.NewClient(kgo.SeedBrokers(n.Addr), kgo.RequestRetries(0))
		if err != nil {
			t.Error(err)
			return
		}
		defer cl.Close()
		clients = append(clients, cl)
	}
	kinds := []kmsg.Key{kmsg.CreateTopics, kmsg.DeleteTopics, kmsg.DescribeConfigs}
	for n := int64(0); ctx.Err() == nil; n++ {
		i := rand.IntN(len(c.Nodes))
		in := operation{
			do: kinds[rand.IntN(len(kinds))], node: c.Nodes[i].ID,
			topic: fmt.Sprintf("register-%d", rand.IntN(3)), value: 1_000_000*int64(id+1) + n,
		}
		called := h.call(in)
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		resp, err := clients[i].SeedBrokers()[0].Request(asking, in.request())
		cancel()
		switch {
		case err == nil:
			h.note(id, called, in, in.read(resp))
		case !errors.Is(err, syscall.ECONNREFUSED): // otherwise the request was not sent
			h.note(id, called, in, outcome{})
		}
		pause := time.NewTimer(time.Duration(1+rand.IntN(30)) * time.Millisecond) // sets the load
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// call returns the earliest time at which an operation may take effect.
func (h *registers) call(in operation) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in.do == kmsg.DescribeConfigs {
		return h.answered[in.node]
	}
	return time.Since(h.began).Nanoseconds()
}

func (h *registers) note(id int, called int64, in operation, out outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	op := porcupine.Operation{
		ClientId: id, Input: in, Output: out, Call: called,
		Return: time.Since(h.began).Nanoseconds(),
	}
	switch {
	case !out.known && in.do == kmsg.DescribeConfigs:
		return
	case !out.known:
		op.Return = math.MaxInt64 // it may take effect later, too
		h.unknown++
	case in.do != kmsg.DescribeConfigs:
		h.answered[in.node] = max(h.answered[in.node], called)
	}
	h.ops = append(h.ops, op)
}

func (o operation) request() kmsg.Request {
	switch o.do {
	case kmsg.CreateTopics:
		req, topic := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
		retention := kmsg.NewCreateTopicsRequestTopicConfig()
		retention.Name, retention.Value = "retention.ms", kmsg.StringPtr(strconv.FormatInt(o.value, 10))
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = o.topic, 1, 1
		topic.Configs = append(topic.Configs, retention)
		req.Topics, req.TimeoutMillis = append(req.Topics, topic), 4000
		return req
	case kmsg.DeleteTopics:
		req, topic := kmsg.NewPtrDeleteTopicsRequest(), kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr(o.topic)
		req.Topics, req.TopicNames, req.TimeoutMillis = append(req.Topics, topic), []string{o.topic}, 4000
		return req
	default:
		req, resource := kmsg.NewPtrDescribeConfigsRequest(), kmsg.NewDescribeConfigsRequestResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, o.topic
		resource.ConfigNames = []string{"retention.ms"}
		req.Resources = append(req.Resources, resource)
		return req
	}
}

// read returns the outcome in an answer. Only the error codes of a healthy metadata determine one.
func (o operation) read(resp kmsg.Response) (out outcome) {
	switch resp := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		out.code = resp.Topics[0].ErrorCode
		out.known = out.code == 0 || out.code == kerr.TopicAlreadyExists.Code
	case *kmsg.DeleteTopicsResponse:
		out.code = resp.Topics[0].ErrorCode
		out.known = out.code == 0 || out.code == kerr.UnknownTopicOrPartition.Code
	case *kmsg.DescribeConfigsResponse:
		r := resp.Resources[0]
		out.code = r.ErrorCode
		out.known = out.code == 0 || out.code == kerr.UnknownTopicOrPartition.Code
		if out.code == 0 {
			out.value, _ = strconv.ParseInt(*r.Configs[0].Value, 10, 64)
		}
	}
	return out
}
