package netlab

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the command when its parent dies, so that a
// test that is killed leaves no process behind.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
