package main

import (
	"fmt"

	"github.com/smokesignal-go/smokesignal/example_chat/room"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// enter makes and starts a chat. If neither a port nor a seed is given, the first chat on a
// machine listens on s.home and the others join it there (room.Home).
func enter(s settings, view view) (*chat, error) {
	if s.node.Port != 0 || len(s.node.Seeds) > 0 {
		return openAt(s, view)
	}
	first := s
	first.node, s.node = room.Home(s.node, s.home)
	if c, err := openAt(first, view); err == nil {
		return c, nil
	}
	// Another program has the port, and any other port will do. If the error has another
	// cause, it occurs again in openAt, which returns it.
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
