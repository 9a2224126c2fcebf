package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// If asStart is set, this test binary is the program.
const asStart = "RUN_START"

func TestMain(m *testing.M) {
	if os.Getenv(asStart) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Other nodes receive what the program emits, and it prints what they emit.
func TestItHearsAndIsHeard(t *testing.T) {
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-port", port, "-seed", net.JoinHostPort("127.0.0.1", port)) // the default port may be in use
	cmd.Env = append(os.Environ(), asStart+"=1")
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

	node := smoke.CreateNode(smoke.Options{Seeds: []string{net.JoinHostPort("127.0.0.1", port)}})
	heard := make(chan string, 1)
	node.Broadcast().Once("chat", func(text string) { heard <- text })
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	defer node.Stop()
	select {
	case text := <-heard:
		if text != "HEYO! I'm here" {
			t.Errorf("it says %q", text)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it says nothing")
	}
	if err := node.Broadcast().Emit("chat", "hello"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if want := fmt.Sprintf("%s hello", node.ID().Short()); !lines.Scan() || lines.Text() != want {
		t.Errorf("it prints %q, %v; want %q", lines.Text(), lines.Err(), want)
	}
}

// freePort returns a loopback port on which no process listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A program outside of this repository takes the module from a checkout by the commands
// that the README shows, and needs few other modules.
func TestAProgramUsesTheCheckout(t *testing.T) {
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	const module = "github.com/smokesignal-go/smokesignal"
	run("mod", "init", "hello")
	run("mod", "edit", "-replace", module+"="+checkout)
	run("mod", "tidy")
	run("build", "-o", "hello", ".")

	linked := strings.Count(run("version", "-m", "hello"), "\tdep\t")
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if row := fmt.Sprintf("| Go modules linked, itself included | %d |", linked); !strings.Contains(string(readme), row) {
		t.Errorf("%d modules are linked, and README.md has no row %q", linked, row)
	}
	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(sums), "\n"); lines > 20 {
		t.Errorf("go.sum has %d lines, more than 20", lines)
	}
}
