package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// If asHello is set, this test binary is the program.
const asHello = "RUN_HELLO"

func TestMain(m *testing.M) {
	if os.Getenv(asHello) != "" {
		os.Unsetenv(asHello)
		main()
		return
	}
	os.Exit(m.Run())
}

// Two processes, as in two terminals.
func TestTwoTerminals(t *testing.T) {
	addr := freeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	network := fmt.Sprint("SMOKE_NETWORK=hello test ", os.Getpid())
	first := open(t, network, "SMOKE_PORT="+port)
	second := open(t, network, "SMOKE_SEEDS="+addr)
	for _, terminal := range []*bufio.Scanner{first, second} {
		if !terminal.Scan() || !strings.HasSuffix(terminal.Text(), " HEYO! I'm here") {
			t.Fatalf("it says %q, %v", terminal.Text(), terminal.Err())
		}
	}
}

// freeAddr returns a loopback address on which no process listens.
func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// open starts the program, and ends it with the test.
func open(t *testing.T, env ...string) *bufio.Scanner {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), asHello+"=1"), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // the process was killed, so this returns an error
	})
	return bufio.NewScanner(out)
}
