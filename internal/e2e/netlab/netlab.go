// Package netlab makes a small network on one Linux machine from network namespaces. A test
// can cut it, as if it pulled a cable.
//
// A [Lab] has sides. Each side is a namespace with its own loopback and a LAN of [Hosts]
// addresses, 10.77.<side>.1 and up. A router in another namespace joins the sides. The
// kernel's own TCP runs between them. [Lab.Cut] makes the router drop everything from one
// side to another, without a reset or ICMP, also for established connections. Both ends see
// what they would see with a pulled cable, not a closed connection.
//
// Addresses of one side reach each other without the router, so the lab can't cut a side
// into parts. A test that needs such a cut makes more sides.
//
// The lab changes only its own namespaces, and no interface, address, route or firewall
// rule of the machine. The names of the namespaces contain the process that made them. So
// labs of several processes can coexist, and the next [New] removes what a killed process
// left.
//
// It needs root, the right to make namespaces (which a container may deny to its root), and
// the programs ip and nft. [Available] reports what is missing.
package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
)

const (
	// Hosts is the number of addresses of each side.
	Hosts = 100
	// MaxSides is the largest number of sides of a lab: one number of an address.
	MaxSides = 250
	// router is the last number of the router's address on each side.
	router = 254
)

// Available returns why a lab can't be made here, or nil. It makes a lab of a single side
// and removes it again, which takes about 50 ms.
func Available() error {
	if err := equipped(); err != nil {
		return err
	}
	lab, err := New("try")
	if err != nil {
		return fmt.Errorf("network namespaces are not allowed here, or nft is not: %w", err)
	}
	return lab.Close()
}

// equipped returns what is missing, without trying to make a lab.
func equipped() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("network namespaces need Linux, this is %s", runtime.GOOS)
	}
	var missing []error
	if os.Geteuid() != 0 {
		missing = append(missing, errors.New("network namespaces need root"))
	}
	for _, program := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, fmt.Errorf("network namespaces need the program %s: %w", program, err))
		}
	}
	return errors.Join(missing...)
}

// labs numbers the labs of this process.
var labs atomic.Int64

// Lab is one network. Only one goroutine at a time may call its methods. The commands that
// it returns may run at the same time.
type Lab struct {
	prefix string
	sides  []string
}

// New makes a network of the named sides, which all reach each other. The names are for the
// caller only and consist of letters and digits. The caller must call Close.
func New(sides ...string) (*Lab, error) {
	if err := equipped(); err != nil {
		return nil, err
	}
	if err := checkNames(sides); err != nil {
		return nil, err
	}
	if err := sweep(); err != nil {
		return nil, err
	}
	lab := &Lab{
		prefix: fmt.Sprintf("%s%d.", ownPrefix(), labs.Add(1)),
		sides:  slices.Clone(sides),
	}
	if err := lab.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("build a lab of %d sides: %w", len(sides), err), lab.Close())
	}
	return lab, nil
}

func checkNames(sides []string) error {
	if len(sides) == 0 || len(sides) > MaxSides {
		return fmt.Errorf("a lab has 1 to %d sides, not %d", MaxSides, len(sides))
	}
	for i, side := range sides {
		if side == "" || side == hubName || len(side) > 32 || strings.Trim(side, letters) != "" {
			return fmt.Errorf("a side can't be called %q: want letters and digits, and not %q", side, hubName)
		}
		if slices.Contains(sides[:i], side) {
			return fmt.Errorf("two sides are called %q", side)
		}
	}
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// hubName is the namespace of the router.
const hubName = "hub"

// build makes the namespaces, the cables, the addresses and the rules.
func (l *Lab) build() error {
	if err := ip("netns", "add", l.namespace(hubName)); err != nil {
		return err
	}
	for i, side := range l.sides {
		if err := l.buildSide(i, side); err != nil {
			return fmt.Errorf("side %s: %w", side, err)
		}
	}
	forward := l.in(hubName, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	if err := run(forward, ""); err != nil {
		return fmt.Errorf("turn on forwarding: %w", err)
	}
	return l.nft(rules)
}

func (l *Lab) buildSide(number int, side string) error {
	ns, hub := l.namespace(side), l.namespace(hubName)
	if err := ip("netns", "add", ns); err != nil {
		return err
	}
	var plug, lan strings.Builder
	fmt.Fprintf(&plug, "link add %s type veth peer name eth0 netns %s\n", port(number), ns)
	fmt.Fprintf(&plug, "addr add 10.77.%d.%d/24 dev %s\n", number, router, port(number))
	fmt.Fprintf(&plug, "link set %s up\n", port(number))
	if err := ipBatch(hub, plug.String()); err != nil {
		return err
	}
	for host := 1; host <= Hosts; host++ {
		fmt.Fprintf(&lan, "addr add 10.77.%d.%d/24 dev eth0\n", number, host)
	}
	fmt.Fprintf(&lan, "link set lo up\nlink set eth0 up\n")
	fmt.Fprintf(&lan, "route add default via 10.77.%d.%d\n", number, router)
	return ipBatch(ns, lan.String())
}

// Addr returns the address of one host of a side, without a port. Hosts count from 1 to
// [Hosts]. It panics for an unknown side or host.
func (l *Lab) Addr(side string, host int) string {
	if host < 1 || host > Hosts {
		panic(fmt.Sprintf("netlab: side %s has no host %d, only 1 to %d", side, host, Hosts))
	}
	return fmt.Sprintf("10.77.%d.%d", l.number(side), host)
}

// Command prepares a program that runs inside a side. The started process is the program
// itself: signals reach it, and it is killed when this process dies. Command panics for an
// unknown side.
func (l *Lab) Command(side, program string, args ...string) *exec.Cmd {
	l.number(side)
	return l.in(side, program, args...)
}

// in prepares a command in a namespace, also in the hub.
func (l *Lab) in(side, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", l.namespace(side), program}, args...)...)
	dieWithParent(cmd)
	return cmd
}

func (l *Lab) number(side string) int {
	i := slices.Index(l.sides, side)
	if i < 0 {
		panic(fmt.Sprintf("netlab: no side %q, only %s", side, strings.Join(l.sides, ", ")))
	}
	return i
}

func (l *Lab) namespace(side string) string { return l.prefix + side }

// port returns the name of the router's end of a side's cable.
func port(number int) string { return fmt.Sprintf("side%d", number) }

// Close kills all processes inside the lab and removes it. It may be called twice.
func (l *Lab) Close() error { return remove(l.prefix) }
