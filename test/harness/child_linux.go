package harness

import (
	"os/exec"
	"syscall"
)

// Child returns cmd, whose process the kernel will kill when this test binary has died. A killed binary runs no
// cleanups, so brokers and clients would keep running.
//
// The kernel does so when the thread that has started the process ends. The Go runtime ends a thread only with a
// goroutine that has locked it; no test here does that.
func Child(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}
