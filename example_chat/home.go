package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// homePort is where the chats of one machine meet if neither a port nor a seed is
// given. It is the chats' own: other programs of these pages use other ports.
const homePort = 8494

// enter makes and starts a chat. With neither a port nor a seed given, the
// first chat on a machine listens on s.home and the others join it there. All
// of them have that address as their seed, the first one too: so it knows that
// it is a seed, and should it die, the next one to come takes the port and is
// found by those who are left.
func enter(s settings, view view) (*chat, error) {
	if s.node.Port != 0 || len(s.node.Seeds) > 0 {
		return openAt(s, view)
	}
	if s.node.Address == "" {
		s.node.Address = "127.0.0.1"
	}
	s.node = s.node.Canonical() // no brackets around the address
	s.node.Seeds = []string{net.JoinHostPort(s.node.Address, strconv.Itoa(s.home))}
	first := s
	first.node.Port = s.home
	if c, err := openAt(first, view); err == nil {
		return c, nil
	}
	// Another program has the port, and any other port will do. What else is wrong, is
	// wrong with any port, and shows again.
	return openAt(s, view)
}

// open starts a chat without a page.
func open(options smoke.Options, name string, view view) (*chat, error) {
	return openAt(settings{node: options, name: name}, view)
}

func openAt(s settings, view view) (*chat, error) {
	c := newChat(s.node, s.name, view)
	c.pageAddr = s.http
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("enter the chat: %w", err)
	}
	return c, nil
}
