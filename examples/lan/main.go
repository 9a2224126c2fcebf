// Lan is a notice board of the machines of a local network: what is written at one of
// them, everybody reads. No machine is special, none has to be there first, and none
// needs a fixed address: they look for each other at a list of likely places. On each:
//
//	export SMOKE_SECRET=…                                   # the same on all; smoke key secret makes one
//	go run ./examples/lan -subnet 192.168.2.0/24 nas.lan 192.168.2.100-110
//
// One machine will do to try it out, with a terminal for each of
//
//	go run ./examples/lan -subnet 127.0.0.0/8 -port 8492 127.0.0.1
//	SMOKE_SEEDS=127.0.0.1:8492 go run ./examples/lan -subnet 127.0.0.0/8 -port 0
//
// There is no discovery by multicast (mDNS) yet: one of the places has to be right.
// Addresses change, as DHCP gives them, and so do names; both are looked up again and
// again. What is found once is found for all: nodes tell each other whom they know.
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
	port := flag.Int("port", 8492, "where every machine listens")
	signed := flag.Bool("signed", false, "notices are signed, so that no machine can write in the name of another; on all or on none")
	flag.Parse()
	options, err := optionsOf(*subnet, *port, *signed, flag.Args())
	if err == nil {
		err = run(options, os.Stdin, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// optionsOf makes the options of a node on this machine; the environment has the secret.
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

// run reads notices and shows those of the others, until it is interrupted.
func run(options smoke.Options, in io.Reader, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if options.Secret == "" {
		fmt.Fprintln(out, "who reaches this machine can join: set SMOKE_SECRET to keep strangers out")
	}
	node := smoke.CreateNode(options)
	board(node, out)
	// Owned by the process: it ends with it, since nothing else ends a read of a terminal.
	go func() {
		for lines := bufio.NewScanner(in); lines.Scan(); {
			if err := post(node, lines.Text()); err != nil {
				fmt.Fprintln(out, "not sent:", err)
			}
		}
	}()
	return node.Run(ctx)
}

// board shows the notices of others, and who can be reached.
func board(node *smoke.Node, out io.Writer) {
	smoke.On(node.Broadcast(), "notice", func(e smoke.Event, text string) {
		mark := ""
		if e.Signed {
			mark = " (signed)"
		}
		fmt.Fprintf(out, "%s%s: %q\n", e.Origin.Short(), mark, text)
	})
	node.OnConnect(func() { fmt.Fprintln(out, "found the others") })
	node.OnDisconnect(func() { fmt.Fprintln(out, "nobody is there any more; looking") })
}

// post puts up a notice.
func post(node *smoke.Node, text string) error { return node.Broadcast().Emit("notice", text) }
