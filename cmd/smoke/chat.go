package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// chatting is one call of smoke chat. It speaks with example_chat, by the same
// events, and leaves out what makes that one comfortable.
type chatting struct {
	join   joining
	name   string
	within time.Duration
	asJSON bool
}

// The events of example_chat.
type (
	utterance struct{ Name, Text string }
	presence  struct{ Name string }
)

const (
	chatNetwork = "chat"
	chatPort    = 8495 // where the chats of one machine meet
	chatName    = 32   // runes of a name
)

const chatLong = `Talk with others: a line that you write goes to all, until the input ends. It meets
the example chat (go run ./example_chat), which has more comfort. Where neither --seeds
nor --port is given, the chats of one machine meet at port 8495.

Where the input is no terminal, it waits for a neighbour first, and ends with 3 if there
is none in time.
`

func chatCommand() *cobra.Command {
	c := &chatting{join: joining{isGuest: true}}
	cmd := &cobra.Command{
		Use:     "chat",
		Short:   "talk with others, line by line",
		Long:    chatLong + guestHelp,
		Example: "  smoke chat --name ann\n  echo deployed | smoke chat --name ci --seeds 192.168.2.100:8495 --address 192.168.2.0/24",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.join.valid(cmd.Flags())
			if err != nil {
				return err
			}
			if o.Network == "" {
				o.Network = chatNetwork
			}
			in := cmd.InOrStdin()
			if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
				c.within = 0
			}
			logAs(&o, cmd.ErrOrStderr(), logrus.WarnLevel, logLines{asJSON: c.asJSON, misfit: true})
			ctx, release := interruptible(cmd)
			defer release()
			return c.run(ctx, o, in, &lines{w: cmd.OutOrStdout(), asJSON: c.asJSON}, &lines{w: cmd.ErrOrStderr()})
		},
	}
	f := cmd.Flags()
	c.join.flags(f)
	f.StringVar(&c.name, "name", userName(), "what the others call you")
	f.DurationVar(&c.within, "within", findWithin, "for how long to look for others, where the input is no terminal")
	f.BoolVar(&c.asJSON, "json", false, "print JSON, one object a line")
	return cmd
}

func userName() string {
	for _, variable := range []string{"USER", "USERNAME"} {
		if name := os.Getenv(variable); name != "" {
			return name
		}
	}
	return "somebody"
}

func (c *chatting) run(ctx context.Context, o smoke.Options, in io.Reader, out, notes *lines) error {
	ctx, quit := context.WithCancel(ctx) // quit, and what is told of neighbours is no news
	defer quit()
	node, err := c.enter(ctx, o, out, notes)
	if err != nil {
		return err
	}
	for line, err := range inputLines(ctx, in) {
		if err == nil {
			err = node.Broadcast().EmitContext(ctx, "say", utterance{c.name, line})
		}
		if err != nil && ctx.Err() == nil {
			return errors.Join(err, leave(node))
		}
	}
	quit()
	return errors.Join(node.Broadcast().Emit("leave", presence{c.name}), leave(node))
}

// enter starts a node. Where nothing says where to meet, the first one on a machine
// takes the port at which the others look.
func (c *chatting) enter(ctx context.Context, o smoke.Options, out, notes *lines) (*smoke.Node, error) {
	if len(o.Seeds) > 0 || o.Port != 0 {
		return c.open(ctx, o, out, notes)
	}
	host := o.Canonical().Address // without brackets
	if host == "" {
		host = "127.0.0.1"
	}
	o.Seeds = []string{net.JoinHostPort(host, strconv.Itoa(chatPort))}
	first := o
	first.Port = chatPort
	node, err := c.open(ctx, first, out, notes)
	if transport.IsAddrInUse(err) {
		return c.open(ctx, o, out, notes)
	}
	return node, err
}

func (c *chatting) open(ctx context.Context, o smoke.Options, out, notes *lines) (*smoke.Node, error) {
	node := smoke.CreateNode(o)
	smoke.On(node.Broadcast(), "say", func(e smoke.Event, u utterance) { c.tell(out, e, u.Name, "says", u.Text) })
	smoke.On(node.Broadcast(), "join", func(e smoke.Event, p presence) { c.tell(out, e, p.Name, "joined", "") })
	smoke.On(node.Broadcast(), "leave", func(e smoke.Event, p presence) { c.tell(out, e, p.Name, "left", "") })
	node.OnGap(func(g smoke.Gap) { notes.note(gapWords(g)) })
	node.OnConnect(func() { node.Broadcast().Emit("join", presence{c.name}) }) // fails only if the node stops
	if _, err := begin(ctx, node, o, c.within, notes); err != nil {
		return nil, errors.Join(err, node.Stop())
	}
	return node, nil
}

// tell prints what somebody did.
func (c *chatting) tell(out *lines, e smoke.Event, name, does, text string) {
	name = fmt.Sprintf("%.*s", chatName, name)
	words := name + " " + does
	if does == "says" {
		words = name + ": " + text
	}
	out.tell(does, words, facts{"name": name, "origin": e.Origin.String(), "text": text})
}
