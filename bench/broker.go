package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is one running broker.
type broker struct {
	name    string
	addr    string
	dir     string
	cmd     *exec.Cmd
	startup time.Duration // from exec to the first answered request
}

func startChronik(ctx context.Context, binary string) (*broker, error) {
	dir, err := os.MkdirTemp("", "bench-chronik-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	return launch(ctx, "chronik", dir, addr, exec.Command(binary, "standalone", "--data-dir", filepath.Join(dir, "data"), "--listen", addr,
		"--set", "http.listen=127.0.0.1:0", "--set", "kafka.group.initial.rebalance.delay.ms=0"))
}

func startKafka(ctx context.Context, script string) (*broker, error) {
	if out, err := exec.CommandContext(ctx, script, "fetch").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("fetch Apache Kafka: %w\n%s", err, out)
	}
	dir, err := os.MkdirTemp("", "bench-kafka-")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	return launch(ctx, "kafka", dir, fmt.Sprintf("127.0.0.1:%d", port), exec.Command(script, "broker", dir, strconv.Itoa(port)))
}

// launch starts cmd and returns when the broker at addr has answered a request.
func launch(ctx context.Context, name, dir, addr string, cmd *exec.Cmd) (*broker, error) {
	log, err := os.Create(filepath.Join(dir, "broker.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &broker{name: name, addr: addr, dir: dir, cmd: cmd}
	for deadline := began.Add(time.Minute); ; {
		if answers(ctx, addr) {
			b.startup = time.Since(began)
			return b, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			b.stop()
			return nil, fmt.Errorf("%s does not answer at %s; see %s", name, addr, log.Name())
		}
		time.Sleep(time.Millisecond)
	}
}

// answers reports whether a broker answers an ApiVersions request.
func answers(ctx context.Context, addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0))
	if err != nil {
		return false
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return cl.Ping(ctx) == nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// stop ends the broker and removes its data.
func (b *broker) stop() {
	b.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { b.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		b.cmd.Process.Kill()
		<-ended
	}
	os.RemoveAll(b.dir)
}

// cpu is the processor time that the broker has used so far, in user and kernel mode.
func (b *broker) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	const ticks = 100 // per second: USER_HZ on Linux
	return time.Duration(user+system) * time.Second / ticks
}

// rss is the broker's resident memory in bytes.
func (b *broker) rss() int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for r := bufio.NewReader(f); ; {
		line, err := r.ReadString('\n')
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
		if err == io.EOF {
			return 0
		}
	}
}
