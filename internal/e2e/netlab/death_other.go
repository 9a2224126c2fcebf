//go:build !linux

package netlab

import "os/exec"

// dieWithParent does nothing where there are no labs.
func dieWithParent(*exec.Cmd) {}
