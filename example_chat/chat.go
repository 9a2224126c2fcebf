package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// farewell is the time limit for leaving the chat.
const farewell = 3 * time.Second

// view displays the chat. Its methods may be called from any goroutine.
type view interface {
	show(line)
	setName(name string)
}

// chat is one person's chat. The node calls the methods on…, and the input calls the
// commands, each from its own goroutine.
type chat struct {
	node      *smoke.Node
	seeds     []string
	view      view
	connected chan struct{} // closed when the node has its first link
	pageAddr  string        // address of the page; "": none
	page      *page         // nil: none

	people *room.People
}

// newChat makes a node and registers the chat's handlers. The node is not started yet.
func newChat(options smoke.Options, name string, view view) *chat {
	return newChatOf(smoke.CreateNode(options), options.Seeds, name, view)
}

// newChatOf registers the chat's handlers on a node that is not started yet.
func newChatOf(node *smoke.Node, seeds []string, name string, view view) *chat {
	c := &chat{
		node:      node,
		seeds:     seeds,
		view:      view,
		connected: make(chan struct{}),
	}
	c.people = room.Watch(node, name, func(p room.Person) { c.view.show(vanished(p.ID, p.Label)) })
	b := node.Broadcast()
	smoke.On(b, "say", c.onSay)
	smoke.On(b, "join", c.onJoin)
	smoke.On(b, "here", c.onPresence)
	smoke.On(b, "name", c.onPresence)
	smoke.On(b, "leave", c.onLeave)
	node.OnConnect(c.onConnect)
	node.OnDisconnect(c.onDisconnect)
	node.OnSeedLost(c.onSeedLost)
	node.OnSeedBack(c.onSeedBack)
	node.OnNetsplit(c.onNetsplit)
	node.OnHeal(c.onHeal)
	node.OnGap(c.onGap)
	return c
}

// start starts the node and shows the first lines.
func (c *chat) start() error {
	if err := c.node.Start(); err != nil {
		return err
	}
	c.view.setName(c.people.Self())
	first := self(c.node.ID(), c.people.Self(), c.node.Addr())
	if c.pageAddr != "" {
		page, err := servePage(c.node, c.pageAddr)
		if err != nil {
			return errors.Join(err, c.node.Stop())
		}
		c.page = page
		first = withPage(first, page.url)
	}
	c.view.show(first)
	c.view.show(note("alone", "nobody else yet: "+c.looking()))
	return nil
}

// looking returns what the chat is looking for.
func (c *chat) looking() string {
	others := make([]string, 0, len(c.seeds))
	for _, seed := range c.seeds {
		if seed != c.node.Addr() && seed != c.node.Advertised() {
			others = append(others, seed)
		}
	}
	if len(others) == 0 {
		return "others can join with -seed " + c.node.Advertised()
	}
	return "looking for " + strings.Join(others, ", ")
}

// meet records that a person was heard, and shows a new person or a new name.
func (c *chat) meet(id smoke.ID, name, verb string) (label string) {
	before, label, change := c.people.Heard(id, cleanName(name))
	switch change {
	case room.New:
		c.view.show(came(verb, id, label))
	case room.Renamed:
		c.view.show(renamed(id, before, label))
	}
	return label
}

func (c *chat) onSay(e smoke.Event, said room.Utterance) {
	label := c.meet(e.Origin, said.Name, "here")
	c.view.show(says(e.Origin, label, cleanText(said.Text)))
}

func (c *chat) onPresence(e smoke.Event, p room.Presence) { c.meet(e.Origin, p.Name, "here") }

func (c *chat) onJoin(e smoke.Event, p room.Presence) {
	c.meet(e.Origin, p.Name, "join")
	c.answerSoon()
}

// answerSoon makes this chat emit "here" within a second, unless the room is too large
// for answers.
func (c *chat) answerSoon() { c.people.AnswerSoon(func() { c.emitPresence("here") }) }

func (c *chat) onLeave(e smoke.Event, p room.Presence) {
	if label, known := c.people.Left(e.Origin); known {
		c.view.show(went(e.Origin, label))
	}
}

func (c *chat) onConnect() {
	select {
	case <-c.connected:
	default:
		close(c.connected)
	}
	c.view.show(note("connected", "connected: what you write is heard"))
	c.emitPresence("join")
}

func (c *chat) onDisconnect() {
	if !c.people.IsClosed() {
		c.view.show(note("alone", "alone again: "+c.looking()))
	}
}

func (c *chat) onSeedLost(lost smoke.SeedLost) {
	why := "it stopped, or the network is cut"
	for _, known := range []error{smoke.ErrNotSmokesignal, smoke.ErrOtherNetwork, smoke.ErrOtherVersion, smoke.ErrPlaintext, smoke.ErrNotAdmitted} {
		if errors.Is(lost.Err, known) {
			why = known.Error()
		}
	}
	c.view.show(note("seed-lost", "seed "+lost.Addr+" does not answer: "+why+"; still trying"))
}

func (c *chat) onSeedBack(back smoke.SeedBack) {
	c.view.show(note("seed-back", "seed "+back.Addr+" answers again"))
}

func (c *chat) onNetsplit(smoke.Netsplit) {
	c.view.show(note("split", "the network was split: another part of it was found, joining it"))
}

func (c *chat) onHeal(smoke.Heal) {
	c.view.show(note("healed", "the split is healed: everybody hears everybody again"))
	c.answerSoon() // each part of the network may have removed the people of the other as dead
}

func (c *chat) onGap(gap smoke.Gap) {
	who := "others"
	if !gap.Origin.IsZero() {
		who = c.people.Label(gap.Origin)
	}
	why := "no node has them any more"
	if gap.Slow {
		why = "this program was too slow for them"
	}
	c.view.show(note("gap", fmt.Sprintf("messages of %s missed: %d; %s", who, gap.Events, why)))
}

// say sends a line to all other chats.
func (c *chat) say(text string) {
	if len(text) > maxText {
		c.view.show(note("error", fmt.Sprintf("too long: %d bytes, at most %d can be sent", len(text), maxText)))
		return
	}
	c.emit("say", room.Utterance{Name: c.people.Self(), Text: text})
	if c.node.Peers().Len() == 0 {
		c.view.show(note("alone", "no one hears that now: no other node is linked; "+c.looking()))
	}
}

func (c *chat) emitPresence(event string) { c.emit(event, room.Presence{Name: c.people.Self()}) }

func (c *chat) emit(event string, what any) {
	if err := c.node.Broadcast().Emit(event, what); err != nil {
		c.view.show(note("error", "not sent: "+err.Error()))
	}
}

// rename changes the name of the user.
func (c *chat) rename(name string) {
	name, err := checkName(name)
	if err != nil {
		c.view.show(note("error", err.Error()))
		return
	}
	c.people.Rename(name)
	c.view.setName(name)
	c.view.show(note("name", "you are now called "+name))
	c.emitPresence("name")
}

// listPeers shows the direct links.
func (c *chat) listPeers() {
	for peer := range c.node.Peers().All() {
		c.view.show(linked(peer.ID(), peer.Addr(), c.people.Label(peer.ID())))
	}
	n := c.node.Peers().Len()
	c.view.show(note("peers", "direct links: "+strconv.Itoa(n)))
}

// listNodes shows the people whose nodes answer, and counts the network.
func (c *chat) listNodes(ctx context.Context) {
	nodes, silent, err := c.people.Count(ctx)
	if err != nil {
		c.view.show(note("error", "can't count the network: "+err.Error()))
		return
	}
	now := time.Now()
	for _, p := range c.people.All() {
		c.view.show(known(p, now))
	}
	if silent > 0 {
		c.view.show(note("nodes", "nodes that do not answer now: "+strconv.Itoa(silent)))
	}
	c.view.show(counted(nodes))
}

// leave says good-bye and stops the node.
func (c *chat) leave() error {
	c.people.Close()
	if c.page != nil {
		c.page.close()
	}
	c.emitPresence("leave")
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	err := c.node.Shutdown(ctx)
	if errors.Is(err, smoke.ErrAlone) {
		return nil // no node was linked, which the user already knows
	}
	if err != nil {
		return fmt.Errorf("leave the chat: %w", err)
	}
	return nil
}

var errNobody = errors.New("nobody to talk to: no other node was found")
