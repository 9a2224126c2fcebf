// Example_chat is a chat without a server: every terminal that runs it is a node of one
// Smokesignal network. It is meant to be used and to be read. The file chat.go has the code
// that uses the library.
//
//	go run ./example_chat                          # the first one, and each one after it
//	go run ./example_chat -address 192.168.2.17 -seed 192.168.2.100:8494
//	echo deployed | go run ./example_chat -name ci # say one thing and go
//
// README.md in this folder describes the commands, and the output for programs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
)

func main() {
	err := mainErr(os.Args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // package flag has printed the reason
	default:
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// settings holds the command line and the environment.
type settings struct {
	name string
	stay bool
	wait time.Duration
	home int    // the port at which chats meet if none is given
	http string // address of the network page; "": none
	node smoke.Options
}

var errUsage = errors.New("wrong usage")

// parse reads the environment and then the command line, which takes precedence.
func parse(args []string, complaints io.Writer) (settings, error) {
	options, err := smoke.FromEnv()
	if err != nil {
		return settings{}, err
	}
	s := settings{node: options, home: room.Port}
	flags := flag.NewFlagSet("example_chat", flag.ContinueOnError)
	flags.SetOutput(complaints)
	flags.StringVar(&s.name, "name", defaultName(), "what the others call you")
	flags.StringVar(&s.node.Address, "address", options.Address, "the address of this machine (default 127.0.0.1)")
	flags.IntVar(&s.node.Port, "port", options.Port, "the port to listen on (default: 8494, or a free one when that is taken or there is a -seed)")
	flags.StringVar(&s.node.Network, "network", options.Network, "the chat to join; chats with different names do not connect (default chat)")
	flags.StringVar(&s.http, "http", "127.0.0.1:0", "host:port of the page that shows the network; port 0: a free one; empty: no page")
	flags.BoolVar(&s.stay, "stay", false, "when input is not a terminal: keep listening after its end")
	flags.DurationVar(&s.wait, "wait", 10*time.Second, "when input is not a terminal: how long to look for others before giving up")
	fromFlags := false
	flags.Func("seed", "host:port of a running chat; may be repeated", func(seed string) error {
		if !fromFlags {
			s.node.Seeds, fromFlags = nil, true
		}
		s.node.Seeds = append(s.node.Seeds, seed)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return settings{}, err
		}
		return settings{}, errUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(complaints, "example_chat takes no argument %q\n", flags.Arg(0))
		flags.Usage()
		return settings{}, errUsage
	}
	if s.name, err = checkName(s.name); err != nil {
		return settings{}, fmt.Errorf("-name: %w", err)
	}
	if s.node.Network == "" {
		s.node.Network = room.Network
	}
	return s, nil
}

func mainErr(args []string) error {
	s, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	ctx, quit := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer quit()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)

	screen, err := openScreen(os.Stdin, os.Stdout, fail)
	if err != nil {
		return err
	}
	defer screen.close()
	s.node.Logger = screen.logger()
	c, err := enter(s, screen)
	if err != nil {
		return err
	}
	if screen.interactive {
		return c.run(ctx, screen.readLine)
	}
	return c.runScript(ctx, screen.readLine, s.wait, s.stay)
}
