package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
)

func TestParse(t *testing.T) {
	t.Setenv("SMOKE_SEEDS", "10.0.0.1:1,10.0.0.2:2")
	s, err := parse([]string{"-name", "ann", "-address", "10.0.0.9", "-port", "7"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if s.name != "ann" || s.node.Address != "10.0.0.9" || s.node.Port != 7 || s.node.Network != "chat" || len(s.node.Seeds) != 2 {
		t.Errorf("parsed %+v", s)
	}
	s, err = parse([]string{"-seed", "10.0.0.3:3", "-seed", "10.0.0.4:4"}, io.Discard)
	if want := []string{"10.0.0.3:3", "10.0.0.4:4"}; err != nil || !slices.Equal(s.node.Seeds, want) {
		t.Errorf("seeds %v (%v): the command line goes before the environment", s.node.Seeds, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		args []string
		want error
	}{
		{[]string{"-help"}, flag.ErrHelp},
		{[]string{"-dance"}, errUsage},
		{[]string{"hello"}, errUsage},
		{[]string{"-port", "x"}, errUsage},
	} {
		var said bytes.Buffer
		if _, err := parse(test.args, &said); !errors.Is(err, test.want) || said.Len() == 0 {
			t.Errorf("%v: %v, said %q; want %v", test.args, err, said.String(), test.want)
		}
	}
	if _, err := parse([]string{"-name", "a b"}, io.Discard); err == nil || !strings.Contains(err.Error(), "-name") {
		t.Errorf("a bad name: %v", err)
	}
}

// freePort returns a free port.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestTheFirstTakesTheKnownPortAndTheNextOnesJoinIt(t *testing.T) {
	home := freePort(t)
	come := func(name string) (*chat, *book) {
		t.Helper()
		b := newBook(t)
		c, err := enter(settings{name: name, home: home, node: smoke.Options{Network: t.Name()}}, b)
		if err != nil {
			t.Fatal(err)
		}
		return c, b
	}
	isHome := func(c *chat) bool { return c.node.Addr() == c.seeds[0] }

	ann, annSees := come("ann")
	bob, bobSees := come("bob")
	if !isHome(ann) || isHome(bob) {
		t.Fatalf("ann is at %s, bob at %s", ann.node.Addr(), bob.node.Addr())
	}
	annSees.await("join", "bob")
	bobSees.await("ann")
	if err := ann.leave(); err != nil {
		t.Error(err)
	}
	bobSees.await("alone again", "looking for")

	cas, casSees := come("cas")
	if !isHome(cas) {
		t.Errorf("cas is at %s: the known port was free again", cas.node.Addr())
	}
	casSees.await("bob") // bob still looks for the known port
	bobSees.await("cas")
	for _, c := range []*chat{bob, cas} {
		if err := c.leave(); err != nil {
			t.Error(err)
		}
	}
}

func TestEnterReturnsTheReason(t *testing.T) {
	_, err := enter(settings{name: "ann", home: room.Port, node: smoke.Options{Address: "192.0.2.1"}}, newBook(t))
	if err == nil || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("listening on somebody else's address: %v", err)
	}
}

// TestTheProgramItself runs two processes, one of which only says something and leaves.
func TestTheProgramItself(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: a process can't be interrupted on Windows")
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(path, append([]string{"-network", t.Name()}, args...)...)
		cmd.Env = append(os.Environ(), beTheChat+"=1")
		cmd.Stderr = os.Stderr
		return cmd
	}
	ann := command("-name", "ann", "-stay", "-seed", "127.0.0.1:1")
	output, err := ann.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := ann.Start(); err != nil {
		t.Fatal(err)
	}
	defer ann.Process.Kill()
	giveUp := time.AfterFunc(time.Minute, func() { ann.Process.Kill() }) // so that a failure ends
	defer giveUp.Stop()
	seen := bufio.NewScanner(output)
	await := func(kind string) []string {
		t.Helper()
		for seen.Scan() {
			if fields := strings.Split(seen.Text(), "\t"); fields[0] == kind {
				return fields
			}
		}
		t.Fatalf("ended without %q", kind)
		return nil
	}
	addr := await("self")[3]

	ci := command("-name", "ci", "-seed", addr)
	ci.Stdin = strings.NewReader("deployed\n")
	if text, err := ci.Output(); err != nil {
		t.Errorf("ci ended with %v, having said %s", err, text)
	}
	if said := await("say"); said[2] != "ci" || said[3] != "deployed" {
		t.Errorf("heard %q", said)
	}
	await("leave")

	if err := ann.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for seen.Scan() { // up to the end
	}
	if err := ann.Wait(); err != nil {
		t.Errorf("interrupted, ann ended with %v", err)
	}
}
