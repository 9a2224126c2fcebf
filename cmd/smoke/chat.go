package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/dashboard"
	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/transport"
)

// chatting is one call of smoke chat. It can talk to the people of example_chat.
type chatting struct {
	join   joining
	name   string
	within time.Duration
	http   string
	asJSON bool

	people *room.People
	page   *web // nil: none
}

const chatLong = `Send each line that you type to all other chats, until the input ends. It is compatible
with the example chat (make run), which has more features. The first line of the output
has the address of a page that shows the network. If neither --seeds nor --port is given,
the chats of one machine meet at port 8494.

If the input is not a terminal, the command first waits for a neighbour. It ends with 3
if there is none in time.
`

func chatCommand() *cobra.Command {
	c := &chatting{join: joining{isGuest: true}}
	cmd := &cobra.Command{
		Use:     "chat",
		Short:   "chat, line by line",
		Long:    chatLong + guestHelp,
		Example: "  smoke chat --name ann\n  echo deployed | smoke chat --name ci --seeds 192.168.2.100:8494 --address 192.168.2.0/24",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.join.valid(cmd.Flags())
			if err != nil {
				return err
			}
			if o.Network == "" {
				o.Network = room.Network
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
	f.StringVar(&c.name, "name", userName(), "the name that others see")
	f.DurationVar(&c.within, "within", findWithin, "how long to look for others, if the input is not a terminal")
	f.StringVar(&c.http, "http", "127.0.0.1:0", "`host:port` of the page that shows the network; port 0: a free one; empty: no page")
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
	ctx, quit := context.WithCancel(ctx) // after quit, the chat shows no changes of neighbours
	defer quit()
	node, err := c.enter(ctx, o, out, notes)
	if err != nil {
		return err
	}
	defer c.people.Close()
	defer c.closePage()
	for line, err := range inputLines(ctx, in) {
		if err == nil {
			err = node.Broadcast().EmitContext(ctx, "say", room.Utterance{Name: c.name, Text: line})
		}
		if err == nil && node.Peers().Len() == 0 {
			notes.note("no one hears that now: no other node is linked; " + looking(node))
		}
		if err != nil && ctx.Err() == nil {
			return errors.Join(err, leave(node))
		}
	}
	quit()
	c.people.Close()
	return errors.Join(node.Broadcast().Emit("leave", room.Presence{Name: c.name}), unlessAlone(leave(node)))
}

// unlessAlone removes the error that no node was linked for the goodbye or for earlier
// lines, because the chat has already reported that.
func unlessAlone(err error) error {
	if errors.Is(err, smoke.ErrAlone) {
		return nil
	}
	return err
}

// enter starts a node. Without a port and a seed, the first chat on a machine takes the
// port at which the others look.
func (c *chatting) enter(ctx context.Context, o smoke.Options, out, notes *lines) (*smoke.Node, error) {
	if len(o.Seeds) > 0 || o.Port != 0 {
		return c.open(ctx, o, out, notes)
	}
	first, other := room.Home(o, room.Port)
	node, err := c.open(ctx, first, out, notes)
	if transport.IsAddrInUse(err) {
		return c.open(ctx, other, out, notes)
	}
	return node, err
}

func (c *chatting) open(ctx context.Context, o smoke.Options, out, notes *lines) (*smoke.Node, error) {
	node := smoke.CreateNode(o)
	c.people = room.Watch(node, c.name, func(p room.Person) {
		out.tell("gone", p.Name+" is gone: its node does not answer", facts{"name": p.Name, "origin": p.ID.String(), "text": ""})
	})
	smoke.On(node.Broadcast(), "say", func(e smoke.Event, u room.Utterance) { c.tell(out, e, u.Name, "says", u.Text) })
	smoke.On(node.Broadcast(), "join", func(e smoke.Event, p room.Presence) {
		c.tell(out, e, p.Name, "joined", "")
		c.people.AnswerSoon(func() { node.Broadcast().Emit("here", room.Presence{Name: c.name}) }) // fails only if the node stops
	})
	smoke.On(node.Broadcast(), "leave", func(e smoke.Event, p room.Presence) { c.tell(out, e, p.Name, "left", "") })
	smoke.On(node.Broadcast(), "here", func(e smoke.Event, p room.Presence) {
		if _, _, change := c.people.Heard(e.Origin, clipped(p.Name)); change == room.New {
			c.tell(out, e, p.Name, "is here", "")
		}
	})
	node.OnGap(func(g smoke.Gap) { notes.note(gapWords(g)) })
	node.OnConnect(func() { node.Broadcast().Emit("join", room.Presence{Name: c.name}) }) // fails only if the node stops
	var shown []string
	var err error
	if c.http != "" {
		if c.page, err = serveWeb(c.http, dashboard.New(node)); err == nil {
			shown = append(shown, "page: "+c.page.url())
		}
	}
	if err == nil {
		_, err = begin(ctx, node, o, c.within, notes, shown...)
	}
	if err != nil {
		c.people.Close()
		c.closePage()
		return nil, errors.Join(err, node.Stop())
	}
	return node, nil
}

// closePage closes the page, if there is one. The error can be ignored, because the page
// has nothing to save.
func (c *chatting) closePage() {
	if c.page != nil {
		c.page.close()
		c.page = nil
	}
}

// looking returns where a node without links looks for others.
func looking(node *smoke.Node) string {
	others := slices.DeleteFunc(slices.Clone(node.Options().Seeds), func(seed string) bool { return seed == node.Advertised() })
	if len(others) == 0 {
		return "others join with --seeds " + node.Addr()
	}
	return "still looking for " + strings.Join(others, ", ")
}

// clipped returns a name shortened for output.
func clipped(name string) string { return fmt.Sprintf("%.*s", room.MaxName, name) }

// tell prints what a person did.
func (c *chatting) tell(out *lines, e smoke.Event, name, does, text string) {
	name = clipped(name)
	if does == "left" {
		c.people.Left(e.Origin)
	} else {
		c.people.Heard(e.Origin, name)
	}
	words := name + " " + does
	if does == "says" {
		words = name + ": " + text
	}
	out.tell(does, words, facts{"name": name, "origin": e.Origin.String(), "text": text})
}
