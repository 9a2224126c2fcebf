package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// reader returns one line of input per call, and io.EOF at the end.
type reader func() (string, error)

// run executes what a person types, until the person quits or ctx ends, and then leaves.
func (c *chat) run(ctx context.Context, read reader) error {
	_, err := c.takeLines(ctx, read)
	return errors.Join(err, c.leave())
}

// runScript executes the input of a program. It begins when a neighbour is linked, and
// fails if that takes longer than wait. At the end of the input it leaves. If stay is set,
// it begins at once and keeps listening until ctx ends.
func (c *chat) runScript(ctx context.Context, read reader, wait time.Duration, stay bool) error {
	if stay {
		quit, err := c.takeLines(ctx, read)
		if err == nil && !quit {
			<-ctx.Done()
			err = reason(ctx)
		}
		return errors.Join(err, c.leave())
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-c.connected:
	case <-timer.C:
		return errors.Join(fmt.Errorf("%w within %v (%s)", errNobody, wait, c.looking()), c.leave())
	case <-ctx.Done():
		return errors.Join(reason(ctx), c.leave())
	}
	_, err := c.takeLines(ctx, read)
	return errors.Join(err, c.leave())
}

// takeLines executes lines until the input or ctx ends, or a line says quit.
func (c *chat) takeLines(ctx context.Context, read reader) (quit bool, err error) {
	lines, ended := make(chan string), make(chan error, 1)
	// Owner: takeLines. A read can't be cancelled. If ctx ends first, the goroutine lives
	// until the input or the process ends, and nothing waits for it.
	go func() {
		for {
			text, err := read()
			if err != nil {
				ended <- err
				return
			}
			select {
			case lines <- text:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case text := <-lines:
			if c.take(ctx, text) {
				return true, nil
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, fmt.Errorf("read input: %w", err)
		case <-ctx.Done():
			return true, reason(ctx)
		}
	}
}

// reason returns why ctx ended, or nil if the user asked for it.
func reason(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errScreen) {
		return err
	}
	return nil
}

const help = `/peers       your direct links
/nodes       the people whose nodes answer, and how many nodes there are
/name NAME   change your name
/quit        leave (Ctrl-C and Ctrl-D do the same)
//text       say /text`

// take executes one line, and reports whether it was the last.
func (c *chat) take(ctx context.Context, text string) (quit bool) {
	text = strings.TrimRight(text, "\r\n")
	if said, escaped := strings.CutPrefix(text, "//"); escaped {
		c.say("/" + said)
		return false
	}
	if !strings.HasPrefix(text, "/") {
		if strings.TrimSpace(text) != "" {
			c.say(text)
		}
		return false
	}
	command, argument, _ := strings.Cut(text, " ")
	switch command {
	case "/quit":
		return true
	case "/help":
		for row := range strings.Lines(help) {
			c.view.show(note("help", strings.TrimSuffix(row, "\n")))
		}
	case "/peers":
		c.listPeers()
	case "/nodes":
		c.listNodes(ctx)
	case "/name":
		c.rename(argument)
	default:
		c.view.show(note("error", "there is no command "+command+"; /help shows those there are"))
	}
	return false
}
