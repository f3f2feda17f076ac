package harness

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// WriteFile writes a file that a command reads.
func WriteFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// KafkaScript runs Apache Kafka's own programs, and PythonScript those of librdkafka. Tests run in the directory of
// their package, which is beside this one.
const (
	KafkaScript  = "../harness/kafka/kafka"
	PythonScript = "../clients/python/run"
)

// Command runs a program to its end, within two minutes, and returns what it printed.
func Command(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	out, err := TryCommand(t, stdin, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// TryCommand is Command for a program that may fail.
func TryCommand(t *testing.T, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := Child(exec.CommandContext(ctx, name, args...))
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Kafka runs one of Apache Kafka's tools against the broker.
func (b *Broker) Kafka(t *testing.T, tool string, args ...string) string {
	t.Helper()
	return b.KafkaWithInput(t, "", tool, args...)
}

// KafkaWithInput is Kafka for a tool that reads from its standard input.
func (b *Broker) KafkaWithInput(t *testing.T, stdin, tool string, args ...string) string {
	t.Helper()
	return Command(t, stdin, KafkaScript, append([]string{tool, "--bootstrap-server", b.Addr}, args...)...)
}
