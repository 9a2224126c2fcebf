package netlab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary is also the program that runs inside the lab.
const roleVariable = "NETLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "echo":
		serveEcho(os.Args[1])
	case "dial":
		dialAndCopy(os.Args[1])
	case "try":
		tryToDial(os.Args[1])
	case "orphan":
		leaveLabBehind()
	default:
		panic("no such role: " + role)
	}
}

// serveEcho prints "ready" and sends back the bytes that it reads from each connection.
func serveEcho(addr string) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() { // ends with the connection, or when the process is killed
			defer conn.Close()
			io.Copy(conn, conn)
		}()
	}
}

// dialAndCopy connects standard input and output to addr, and says "connected".
func dialAndCopy(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	fmt.Println("connected")
	go io.Copy(conn, os.Stdin) // ends with the process
	io.Copy(os.Stdout, conn)
}

// tryToDial reports whether a dial of one second connects, is refused, or gets no answer.
func tryToDial(addr string) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	var problem net.Error
	switch {
	case err == nil:
		conn.Close()
		fmt.Println("connected")
	case errors.As(err, &problem) && problem.Timeout():
		fmt.Println("timeout")
	default:
		fmt.Println(err)
	}
}

// leaveLabBehind makes a lab, prints its prefix, and waits to be killed.
func leaveLabBehind() {
	lab, err := New("alone")
	if err != nil {
		panic(err)
	}
	cmd := lab.Command("alone", "sleep", "1000")
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	fmt.Println(lab.prefix)
	io.Copy(io.Discard, os.Stdin)
}

func need(t *testing.T) {
	t.Helper()
	if err := Available(); err != nil {
		t.Skipf("NOT TESTED: no network lab on this machine: %v", err)
	}
}

func newLab(t *testing.T, sides ...string) *Lab {
	t.Helper()
	need(t)
	lab, err := New(sides...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		if names := lab.left(t); len(names) > 0 {
			t.Errorf("Close left %v", names)
		}
	})
	return lab
}

func (l *Lab) left(t *testing.T) (left []string) {
	t.Helper()
	names, err := namespaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, l.prefix) {
			left = append(left, name)
		}
	}
	return left
}

// program is a process inside the lab, with lines to and from it.
type program struct {
	t     *testing.T
	stdin io.Writer
	lines *bufio.Reader
}

func start(t *testing.T, cmd *exec.Cmd, role string) *program {
	t.Helper()
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &program{t: t, stdin: stdin, lines: bufio.NewReader(stdout)}
}

func (p *program) say(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatal(err)
	}
}

func (p *program) hear() string {
	p.t.Helper()
	line, err := p.lines.ReadString('\n')
	if err != nil {
		p.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSpace(line)
}

func (p *program) wantLine(want string) {
	p.t.Helper()
	if got := p.hear(); got != want {
		p.t.Fatalf("heard %q, want %q", got, want)
	}
}

// waitForDrops waits until the cuts have dropped more packets, which proves that the cut is
// in force.
func waitForDrops(t *testing.T, lab *Lab, before int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if dropped(t, lab) > before {
			return
		}
	}
	t.Fatal("nothing was dropped in 30 s")
}

func dropped(t *testing.T, lab *Lab) int {
	t.Helper()
	n, err := lab.Dropped()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSidesReachEachOther(t *testing.T) {
	lab := newLab(t, "left", "right")
	addr := net.JoinHostPort(lab.Addr("right", Hosts), "7000")
	start(t, lab.Command("right", self(t), addr), "echo").wantLine("ready")
	for _, side := range []string{"left", "right"} {
		client := start(t, lab.Command(side, self(t), addr), "dial")
		client.wantLine("connected")
		client.say("hello from " + side)
		client.wantLine("hello from " + side)
	}
}

func TestCutSilencesAConnectionAndHealRevivesIt(t *testing.T) {
	lab := newLab(t, "left", "right")
	addr := net.JoinHostPort(lab.Addr("right", 1), "7000")
	start(t, lab.Command("right", self(t), addr), "echo").wantLine("ready")
	client := start(t, lab.Command("left", self(t), addr), "dial")
	client.wantLine("connected")
	client.say("before")
	client.wantLine("before")

	check(t, lab.Cut("left", "right"))
	client.say("during")
	waitForDrops(t, lab, 0)
	late := start(t, lab.Command("left", self(t), addr), "dial")
	waitForDrops(t, lab, dropped(t, lab))

	echo := make(chan string)
	go func() { // ends with the line, for which the test waits
		line, err := client.lines.ReadString('\n')
		if err != nil {
			line = err.Error()
		}
		echo <- strings.TrimSpace(line)
	}()
	select {
	case line := <-echo:
		t.Fatalf("heard %q through the cut", line)
	default:
	}

	check(t, lab.Heal())
	if line := <-echo; line != "during" {
		t.Fatalf("after the cut heard %q, want what was said during it", line)
	}
	late.wantLine("connected")
}

func TestOneWayCutLeavesTheWayBack(t *testing.T) {
	lab := newLab(t, "left", "right")
	addr := net.JoinHostPort(lab.Addr("right", 1), "7000")
	start(t, lab.Command("right", self(t), addr), "echo").wantLine("ready")

	// Replies can't return, so the dial hangs while SYN-ACKs are dropped.
	check(t, lab.CutOneWay("right", "left"))
	client := start(t, lab.Command("left", self(t), addr), "dial")
	waitForDrops(t, lab, 0)
	check(t, lab.Heal())
	client.wantLine("connected")
}

func TestCutHasNoEffectOnAThirdSide(t *testing.T) {
	lab := newLab(t, "a", "b", "c")
	addr := net.JoinHostPort(lab.Addr("c", 1), "7000")
	start(t, lab.Command("c", self(t), addr), "echo").wantLine("ready")
	check(t, lab.Cut("a", "b"))
	check(t, lab.Cut("a", "b"))
	for _, side := range []string{"a", "b"} {
		client := start(t, lab.Command(side, self(t), addr), "dial")
		client.wantLine("connected")
	}
	if n := dropped(t, lab); n != 0 {
		t.Errorf("%d packets dropped between sides that are not cut", n)
	}
}

// newEchoes starts an echo server on each side, all on one port.
func newEchoes(t *testing.T, lab *Lab, sides ...string) (addrs map[string]string) {
	t.Helper()
	addrs = make(map[string]string)
	for _, side := range sides {
		addrs[side] = net.JoinHostPort(lab.Addr(side, 1), "7000")
		start(t, lab.Command(side, self(t), addrs[side]), "echo").wantLine("ready")
	}
	return addrs
}

func TestPartKeepsPartsApartAndWhole(t *testing.T) {
	lab := newLab(t, "a", "b", "c", "d")
	addrs := newEchoes(t, lab, "a", "b", "c", "d")
	check(t, lab.Part([]string{"a", "b"}, []string{"c", "d"}))
	for from, to := range map[string]string{"a": "b", "d": "c"} {
		start(t, lab.Command(from, self(t), addrs[to]), "dial").wantLine("connected")
	}
	if n := dropped(t, lab); n != 0 {
		t.Errorf("%d packets dropped within a part", n)
	}
	for from, to := range map[string]string{"a": "c", "c": "b", "d": "a"} {
		before := dropped(t, lab)
		start(t, lab.Command(from, self(t), addrs[to]), "dial")
		waitForDrops(t, lab, before)
	}
}

func TestAnIsolatedSideReachesNobodyUntilHealed(t *testing.T) {
	lab := newLab(t, "a", "b", "c")
	addrs := newEchoes(t, lab, "a", "b", "c")
	check(t, lab.Isolate("a"))
	start(t, lab.Command("b", self(t), addrs["c"]), "dial").wantLine("connected")
	out := start(t, lab.Command("a", self(t), addrs["b"]), "dial")
	waitForDrops(t, lab, 0)
	in := start(t, lab.Command("c", self(t), addrs["a"]), "dial")
	waitForDrops(t, lab, dropped(t, lab))
	check(t, lab.Heal())
	out.wantLine("connected")
	in.wantLine("connected")
}

func TestAShieldedSideCanDialAndCanNotBeDialled(t *testing.T) {
	lab := newLab(t, "open", "home", "den")
	check(t, lab.Shield("home"))
	check(t, lab.Shield("den")) // one after another
	addrs := newEchoes(t, lab, "open", "home", "den")
	for _, side := range []string{"home", "den"} {
		client := start(t, lab.Command(side, self(t), addrs["open"]), "dial")
		client.wantLine("connected")
		client.say("from behind")
		client.wantLine("from behind")
	}
	// The dial must time out, because it gets no reset and no ICMP.
	for from, to := range map[string]string{"open": "home", "home": "den"} {
		dial := lab.Command(from, self(t), addrs[to])
		dial.Env = append(os.Environ(), roleVariable+"=try")
		if text, err := dial.Output(); err != nil || strings.TrimSpace(string(text)) != "timeout" {
			t.Errorf("%s dialled %s: %q, %v", from, to, text, err)
		}
	}
}

func TestTwoLabsAtOnce(t *testing.T) {
	first, second := newLab(t, "left"), newLab(t, "left")
	addr := net.JoinHostPort(first.Addr("left", 1), "7000")
	for _, lab := range []*Lab{first, second} {
		start(t, lab.Command("left", self(t), addr), "echo").wantLine("ready")
	}
}

func TestNewSweepsWhatAKilledProcessLeft(t *testing.T) {
	need(t)
	cmd := exec.Command(self(t))
	orphan := start(t, cmd, "orphan")
	prefix := orphan.hear()
	cmd.Process.Kill()
	cmd.Process.Wait()

	newLab(t, "left")
	gone := &Lab{prefix: prefix}
	if left := gone.left(t); len(left) > 0 {
		t.Errorf("a killed process's lab is still there: %v", left)
	}
}

func TestCloseKillsWhatStillRuns(t *testing.T) {
	lab := newLab(t, "left")
	cmd := lab.Command("left", "sleep", "1000")
	check(t, cmd.Start())
	// The program is inside the namespace after ip has executed it.
	for argv0 := ""; argv0 != "sleep"; {
		target, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		check(t, err)
		argv0, _, _ = strings.Cut(string(target), "\x00")
		argv0 = filepath.Base(argv0)
	}
	check(t, lab.Close())
	if err := cmd.Wait(); err == nil {
		t.Error("the program ended by itself")
	}
}

func TestNamesOfSidesAreChecked(t *testing.T) {
	for _, sides := range [][]string{{}, {""}, {"a", "a"}, {"hub"}, {"a.b"}, {"a b"}, {"a;b"}, make([]string, MaxSides+1)} {
		if err := checkNames(sides); err == nil {
			t.Errorf("sides %q were taken", sides)
		}
	}
}

func TestIsOrphan(t *testing.T) {
	own := ownPrefix() + "1.left"
	for name, want := range map[string]bool{
		own:                          false,
		"other":                      false,
		"smokelab.1":                 false,
		"smokelab.x.1.1.left":        false,
		"smokelab.999999999.1.1.hub": true,
		fmt.Sprintf("smokelab.%d.1.1.left", os.Getpid()): true, // an earlier process with the number of this one
	} {
		if got := isOrphan(name); got != want {
			t.Errorf("isOrphan(%q) = %v, want %v", name, got, want)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
