package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// system is what is measured: the one broker, or the brokers of a cluster, all on this machine.
type system struct {
	name    string
	addrs   []string // of the brokers
	dir     string
	cmds    []*exec.Cmd
	startup time.Duration // from the first exec until every broker answers and lists them all
}

// startChronik starts n brokers. One is standalone; more are a cluster, with replication factor 3 and
// min.insync.replicas 2, its defaults.
func startChronik(ctx context.Context, binary string, n int) (*system, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	s, err := newSystem("chronik", ports[:n])
	if err != nil {
		return nil, err
	}
	var peers []string
	for i, addr := range s.addrs {
		peers = append(peers, fmt.Sprintf("%d@%s@127.0.0.1:%d", i+1, addr, ports[n+i]))
	}
	for i, addr := range s.addrs {
		args := []string{
			"--data-dir", s.nodeDir(i), "--listen", addr,
			"--set", "http.listen=127.0.0.1:0", "--set", "kafka.group.initial.rebalance.delay.ms=0",
		}
		if n > 1 {
			args = append(args, "--set", fmt.Sprintf("cluster.node_id=%d", i+1), "--set",
				"cluster.peers="+strings.Join(peers, ","))
		}
		s.cmds = append(s.cmds, exec.Command(binary, args...))
	}
	return s, s.start(ctx)
}

// startKafka starts n brokers that are controllers too. More than one have replication factor 3 and min.insync.replicas
// 2 as Chronik's.
func startKafka(ctx context.Context, script string, n int) (*system, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	s, err := newSystem("kafka", ports[:n])
	if err != nil {
		return nil, err
	}
	var voters []string
	for i := range n {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[n+i]))
	}
	for i, addr := range s.addrs {
		args := []string{
			s.nodeDir(i), strconv.Itoa(ports[i]), fmt.Sprintf("node.id=%d", i+1),
			"controller.quorum.voters=" + strings.Join(voters, ","),
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", addr, ports[n+i]),
		}
		if n > 1 {
			args = append(args, "default.replication.factor=3", "min.insync.replicas=2",
				"offsets.topic.replication.factor=3")
		}
		// Formatting is not part of the start.
		format := exec.CommandContext(ctx, script, append([]string{"format"}, args...)...)
		if out, err := format.CombinedOutput(); err != nil {
			s.stop()
			return nil, fmt.Errorf("format Apache Kafka's storage: %w\n%s", err, out)
		}
		s.cmds = append(s.cmds, exec.Command(script, append([]string{"broker"}, args...)...))
	}
	return s, s.start(ctx)
}

func newSystem(name string, ports []int) (*system, error) {
	dir, err := os.MkdirTemp("", "bench-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &system{name: name, dir: dir}
	for _, port := range ports {
		s.addrs = append(s.addrs, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return s, nil
}

func (s *system) nodeDir(i int) string { return filepath.Join(s.dir, fmt.Sprintf("node%d", i+1)) }

// start starts the brokers and returns when each of them lists all brokers.
func (s *system) start(ctx context.Context) error {
	began := time.Now()
	for i, cmd := range s.cmds {
		log, err := os.Create(s.nodeDir(i) + ".log")
		if err != nil {
			s.stop()
			return err
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			s.stop()
			return err
		}
	}
	serving, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for i, addr := range s.addrs {
		if err := s.serves(serving, addr); err != nil {
			s.end()
			return fmt.Errorf("%s does not serve at %s (%w); see %s.log", s.name, addr, err, s.nodeDir(i))
		}
	}
	s.startup = time.Since(began)
	return nil
}

// serves returns when the broker at addr answers and lists all brokers.
func (s *system) serves(ctx context.Context, addr string) error {
	var dialer net.Dialer
	for { // a refused connection costs next to nothing, so that this does not slow down the start
		c, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			c.Close()
			break
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	noTopics := kmsg.NewPtrMetadataRequest()
	noTopics.Topics = []kmsg.MetadataRequestTopic{}
	for {
		brokers := 0
		if answer, err := noTopics.RequestWith(ctx, cl); err == nil { // kadm would answer out of its cache
			brokers = len(answer.Brokers)
		}
		if brokers == len(s.addrs) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d brokers are known: %w", brokers, len(s.addrs), ctx.Err())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// freePorts returns n free ports.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// stop ends the brokers and removes their data.
func (s *system) stop() {
	s.end()
	os.RemoveAll(s.dir)
}

func (s *system) end() {
	var running sync.WaitGroup
	for _, cmd := range s.cmds {
		if cmd.Process == nil {
			continue
		}
		cmd.Process.Signal(syscall.SIGTERM)
		running.Go(func() {
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			cmd.Wait()
			kill.Stop()
		})
	}
	running.Wait()
}

// cpu is the processor time that the brokers have used so far, in user and kernel mode.
func (s *system) cpu() time.Duration {
	var used time.Duration
	for _, cmd := range s.cmds {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		const ticks = 100 // per second: USER_HZ on Linux
		used += time.Duration(user+system) * time.Second / ticks
	}
	return used
}

// rss is the brokers' resident memory in bytes.
func (s *system) rss() int64 {
	var resident int64
	for _, cmd := range s.cmds {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				resident += kib << 10
			}
		}
	}
	return resident
}
