package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// homePort is where the chats of one machine meet when nobody names a port or a
// seed.
const homePort = 8495

// enter makes and starts a chat. With neither a port nor a seed given, the
// first chat on a machine listens on s.home and the others join it there. All
// of them have that address as their seed, the first one too: so it knows that
// it is a seed, and should it die, the next one to come takes the port and is
// found by those who are left.
func enter(s settings, view view) (*chat, error) {
	if s.node.Port != 0 || len(s.node.Seeds) > 0 {
		return open(s.node, s.name, view)
	}
	if s.node.Address == "" {
		s.node.Address = "127.0.0.1"
	}
	s.node = s.node.Canonical() // no brackets around the address
	s.node.Seeds = []string{net.JoinHostPort(s.node.Address, strconv.Itoa(s.home))}
	first := s.node
	first.Port = s.home
	if c, err := open(first, s.name, view); err == nil {
		return c, nil
	}
	// Somebody has the port, and any other will do. What else is wrong, is wrong
	// with any port, and shows again.
	return open(s.node, s.name, view)
}

func open(options smoke.Options, name string, view view) (*chat, error) {
	c := newChat(options, name, view)
	if err := c.start(); err != nil {
		return nil, fmt.Errorf("enter the chat: %w", err)
	}
	return c, nil
}
