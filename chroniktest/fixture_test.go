package chroniktest_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// failing is a test that records its failure instead of failing the test that runs it.
type failing struct {
	testing.TB
	mu     sync.Mutex
	failed bool
}

func (f *failing) FailNow() {
	f.mu.Lock()
	f.failed = true
	f.mu.Unlock()
	runtime.Goexit()
}

func (f *failing) Fatalf(string, ...any) { f.FailNow() }

// inTest runs f as a test that prints its failures to the standard output.
func inTest(f func(t testing.TB)) {
	t := new(exampleTest)
	ended := make(chan struct{})
	go func() { // FailNow ends this goroutine
		defer close(ended)
		f(t)
	}()
	<-ended
	for _, clean := range slices.Backward(t.cleanups) {
		clean()
	}
}

// exampleTest is the part of testing.TB that examples need.
type exampleTest struct {
	testing.TB
	cleanups []func()
}

func (*exampleTest) Helper()                  {}
func (*exampleTest) Context() context.Context { return context.Background() }
func (*exampleTest) Output() io.Writer        { return os.Stderr }
func (t *exampleTest) Cleanup(f func())       { t.cleanups = append(t.cleanups, f) }
func (*exampleTest) Errorf(f string, a ...any) {
	fmt.Printf(f+"\n", a...)
}

func (t *exampleTest) Fatalf(f string, a ...any) {
	t.Errorf(f, a...)
	runtime.Goexit()
}
func (t *exampleTest) Fatal(a ...any) { t.Fatalf("%s", fmt.Sprint(a...)) }
