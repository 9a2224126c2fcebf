package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// homePort is the port at which the chats of one machine meet if neither a port nor a seed
// is given. Other programs use other ports.
const homePort = 8494

// enter makes and starts a chat. If neither a port nor a seed is given, the first chat on a
// machine listens on s.home and the others join it there. All of them have that address as
// their seed, including the first one, which thus knows that it is a seed. If it dies, the
// next chat takes the port, and the remaining ones find it.
func enter(s settings, view view) (*chat, error) {
	if s.node.Port != 0 || len(s.node.Seeds) > 0 {
		return openAt(s, view)
	}
	if s.node.Address == "" {
		s.node.Address = "127.0.0.1"
	}
	s.node = s.node.Canonical() // without brackets around the address
	s.node.Seeds = []string{net.JoinHostPort(s.node.Address, strconv.Itoa(s.home))}
	first := s
	first.node.Port = s.home
	if c, err := openAt(first, view); err == nil {
		return c, nil
	}
	// Another program has the port, and any other port will do. Any other error occurs
	// again there and is then reported.
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
