//go:build !linux

package harness

import "os/exec"

// Child returns cmd. Its process survives a test binary that is killed: only Linux can prevent that.
func Child(cmd *exec.Cmd) *exec.Cmd { return cmd }
