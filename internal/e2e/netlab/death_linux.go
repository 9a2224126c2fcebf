package netlab

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the command when its parent dies, so that a killed
// test leaves no process.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
