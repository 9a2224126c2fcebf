package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/smokesignal-go/smokesignal/smoke"
)

const topLong = `Show the nodes of a network live in the terminal, the busiest first, and any problems.
Ctrl-C ends it. Without a terminal, use smoke nodes and smoke status.
`

func topCommand() *cobra.Command {
	v := newViewing()
	every := time.Second
	cmd := &cobra.Command{
		Use:     "top",
		Short:   "show the network live in the terminal",
		Long:    topLong + viewHelp,
		Example: "  smoke top\n  smoke top --seeds 192.168.2.100:8495 --every 2s",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usageError{fmt.Errorf("--every is %v: write 100ms or more", every)}
			}
			f, ok := cmd.OutOrStdout().(*os.File)
			if !ok || !term.IsTerminal(int(f.Fd())) {
				return usageError{errors.New("top needs a terminal; use `smoke nodes` and `smoke status`")}
			}
			ctx, release := interruptible(cmd)
			defer release()
			e, err := v.open(ctx, cmd)
			if err != nil {
				return err
			}
			return errors.Join(top(ctx, e, f, every), e.close())
		},
	}
	f := cmd.Flags()
	v.flags(f)
	f.DurationVar(&every, "every", every, "interval between updates")
	return cmd
}

// Control sequences of terminals: ECMA-48, and DEC's alternate screen, which preserves the
// normal one.
const (
	otherScreen = "\x1b[?1049h\x1b[?25l"
	firstScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// top draws until ctx ends.
func top(ctx context.Context, e eyes, out *os.File, every time.Duration) error {
	fmt.Fprint(out, otherScreen)
	defer fmt.Fprint(out, firstScreen)
	pause := time.NewTicker(every)
	defer pause.Stop()
	var last *mesh
	var lastAt time.Time
	for ctx.Err() == nil {
		m, err := e.look(ctx)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && last == nil:
			return err
		case err != nil:
			drawScreen(out, []string{visible(fmt.Sprintf("%s  no answer: %v", now.Format(time.TimeOnly), err))})
		default:
			drawScreen(out, screen(m, last, now.Sub(lastAt), now))
			last, lastAt = m, now
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// screen returns the lines to show: the snapshot m, and the rates since the snapshot last.
func screen(m, last *mesh, passed time.Duration, now time.Time) []string {
	rates := make(map[smoke.ID]float64)
	if last != nil {
		for _, n := range last.Nodes {
			rates[n.ID] = -float64(n.Delivered)
		}
	}
	total := 0.0
	for _, n := range m.Nodes {
		if before, ok := rates[n.ID]; ok && float64(n.Delivered) >= -before {
			rates[n.ID] = (float64(n.Delivered) + before) / passed.Seconds()
			total += rates[n.ID]
		} else {
			rates[n.ID] = 0
		}
	}
	var text bytes.Buffer
	l := &lines{w: &text}
	l.print(fmt.Sprintf("%s  %.0f events/s heard by all", now.Format(time.TimeOnly), total))
	m.printStatus(l)
	l.print("")
	m.byRate(rates)
	printNodes(&text, m, rates) // writes to memory, so there is no error
	return strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
}

// drawScreen draws as many lines as fit into the terminal.
func drawScreen(out *os.File, lines []string) {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines[:min(len(lines), height)] {
		if i > 0 {
			b.WriteString("\r\n")
		}
		if r := []rune(line); len(r) > width {
			line = string(r[:width])
		}
		b.WriteString(line + clearLine)
	}
	b.WriteString(clearBelow)
	fmt.Fprint(out, b.String())
}
