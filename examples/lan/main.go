// Lan is a notice board for the machines of a local network: every machine shows the
// notices of all. No machine is special, none has to start first, and none needs a fixed
// address. Each looks for the others at a list of likely places. On each machine:
//
//	export SMOKE_SECRET=…                                   # the same on all machines; smoke key secret makes one
//	go run ./examples/lan -subnet 192.168.2.0/24 nas.lan 192.168.2.100-110
//
// To try it on one machine, use a terminal for each of
//
//	go run ./examples/lan -subnet 127.0.0.0/8 -port 8492 127.0.0.1
//	SMOKE_SEEDS=127.0.0.1:8492 go run ./examples/lan -subnet 127.0.0.0/8 -port 0
//
// There is no discovery by multicast (mDNS) yet, so at least one place must be right. DHCP
// changes addresses and names, so a node resolves both again and again. Nodes exchange the
// addresses that they find.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	subnet := flag.String("subnet", "", "the local network, such as 192.168.2.0/24")
	port := flag.Int("port", 8492, "the port on which every machine listens")
	signed := flag.Bool("signed", false, "sign notices, so that no machine can impersonate another; set it on all machines or on none")
	flag.Parse()
	options, err := optionsOf(*subnet, *port, *signed, flag.Args())
	if err == nil {
		err = run(options, os.Stdin, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// optionsOf returns the options of a node on this machine. The secret comes from the
// environment.
func optionsOf(subnet string, port int, signed bool, likely []string) (smoke.Options, error) {
	options, err := smoke.FromEnv()
	if err != nil {
		return options, err
	}
	if subnet != "" {
		if options.Address, err = smoke.LocalIP(subnet); err != nil {
			return options, err
		}
	}
	options.Port = port
	if signed {
		options.Signed = []string{smoke.AllEvents}
	}
	seeds, err := places(likely, port)
	options.Seeds = append(options.Seeds, seeds...)
	return options, err
}

// run emits the notices that it reads and shows those of the others, until it is
// interrupted.
func run(options smoke.Options, in io.Reader, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if options.Secret == "" {
		fmt.Fprintln(out, "every host that reaches this machine can join; set SMOKE_SECRET to keep strangers out")
	}
	node := smoke.CreateNode(options)
	board(node, out)
	// Owned by the process, which ends it: a read from a terminal can't be cancelled.
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if err := post(node, lines.Text()); err != nil {
				fmt.Fprintln(out, "not sent:", err)
			}
		}
	}()
	return node.Run(ctx)
}

// board prints the notices of other machines, and whether any are connected.
func board(node *smoke.Node, out io.Writer) {
	smoke.On(node.Broadcast(), "notice", func(e smoke.Event, text string) {
		mark := ""
		if e.Signed {
			mark = " (signed)"
		}
		fmt.Fprintf(out, "%s%s: %q\n", e.Origin.Short(), mark, text)
	})
	node.OnConnect(func() { fmt.Fprintln(out, "found the others") })
	node.OnDisconnect(func() { fmt.Fprintln(out, "no neighbour left; looking for others") })
}

// post emits a notice.
func post(node *smoke.Node, text string) error { return node.Broadcast().Emit("notice", text) }
