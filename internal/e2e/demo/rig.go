package demo

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cutproxy"
	"github.com/smokesignal-go/smokesignal/internal/e2e/netlab"

	"github.com/smokesignal-go/smokesignal/internal/e2e/cluster"
)

// The two sides of the network.
const (
	left  = "left"
	right = "right"
)

// rig is a network for the nodes that can be partitioned.
type rig interface {
	kind() string
	// command returns the command for the node of a seat. The seed's node always has the
	// same address.
	command(seat int, program string) *exec.Cmd
	// placed records the address of a seat's node.
	placed(seat int, addr string)
	cut() error
	heal() error
	close() error
}

// newRig makes a real network if possible, unless proxy is set.
func newRig(proxy bool) (rig, error) {
	why := error(nil)
	if !proxy {
		if why = netlab.Available(); why == nil {
			var lab *netlab.Lab
			if lab, why = netlab.New(left, right); why == nil {
				return labRig{lab}, nil
			}
		}
	}
	relay, err := cutproxy.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	seed, err := freePort()
	if err != nil {
		return nil, errors.Join(err, relay.Close())
	}
	return proxyRig{relay, seed, why}, nil
}

// freePort returns a free port of the loopback.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a port for the seed: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find a port for the seed: %w", err)
	}
	return port, nil
}

// labRig is a rig in which each side has a network namespace.
type labRig struct{ lab *netlab.Lab }

func (labRig) kind() string { return "real: two network namespaces, and a router whose nft rules drop" }

func (r labRig) command(seat int, program string) *exec.Cmd {
	const port = 8495 // each node has its own address
	return r.lab.Command(side(seat), program, options(r.addr(seat), port, r.addr(seedSeat), port).Args()...)
}

func (r labRig) addr(seat int) string { return r.lab.Addr(side(seat), seat%perSide+1) }

func (labRig) placed(int, string) {}
func (r labRig) cut() error       { return r.lab.Cut(left, right) }
func (r labRig) heal() error      { return r.lab.Heal() }
func (r labRig) close() error     { return r.lab.Close() }

// proxyRig runs all nodes on the loopback, with each dial through a relay.
type proxyRig struct {
	proxy *cutproxy.Proxy
	seed  int   // the seed's port
	why   error // why there is no real network; nil: none was wanted
}

func (r proxyRig) kind() string {
	const kind = "a relay on loopback that falls silent"
	if r.why != nil {
		return fmt.Sprintf("%s (not real: %v)", kind, r.why)
	}
	return kind
}

func (r proxyRig) command(seat int, program string) *exec.Cmd {
	const loopback = "127.0.0.1"
	port := 0
	if seat == seedSeat {
		port = r.seed
	}
	o := options(loopback, port, loopback, r.seed)
	o.Proxy, o.Side = r.proxy.Addr(), side(seat)
	return exec.Command(program, o.Args()...)
}

func (r proxyRig) placed(seat int, addr string) { r.proxy.Place(addr, side(seat)) }

func (r proxyRig) cut() error {
	r.proxy.Cut(left, right)
	return nil
}

func (r proxyRig) heal() error {
	r.proxy.Heal()
	return nil
}

func (r proxyRig) close() error { return r.proxy.Close() }

// options returns the options of a node at an address, with the seed at another.
func options(address string, port int, seed string, seedPort int) cluster.NodeOptions {
	return cluster.NodeOptions{
		Address: address, Port: port, Seeds: []string{net.JoinHostPort(seed, strconv.Itoa(seedPort))},
		MinPeers: minLinks, MaxPeers: maxLinks,
	}
}
