package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// subscription is one call of smoke sub.
type subscription struct {
	join    joining
	asJSON  bool
	count   int
	lasting time.Duration
	within  time.Duration
}

const subLong = `Join a network and print its events as they arrive: those with the given names, or
all. Arguments are printed as JSON. If JSON can't represent them (maps with numbers as
keys), their bytes are printed in base64. With --json each line is an object: time, name,
origin, seq, signed, and args or else error and raw.

Neighbours and missed events are reported on stderr. It ends with 1 if events were missed,
or if fewer than --count arrived.
`

func subCommand() *cobra.Command {
	s := &subscription{join: joining{isGuest: true}}
	cmd := &cobra.Command{
		Use:     "sub [NAME...]",
		Short:   "print events as they arrive",
		Long:    subLong + guestHelp,
		Example: "  smoke sub --seeds 127.0.0.1:8495\n  smoke sub chat orders --seeds 127.0.0.1:8495 --json --count 10 --for 1m",
		Args:    argsOf(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, names []string) error {
			if s.count < 0 || s.lasting < 0 || s.within < 0 {
				return usageError{errors.New("--count, --for and --within can't be negative")}
			}
			o, err := s.join.valid(cmd.Flags())
			if err != nil {
				return err
			}
			logTo(&o, cmd.ErrOrStderr(), logrus.WarnLevel, s.asJSON)
			ctx, release := interruptible(cmd)
			defer release()
			return s.run(ctx, o, names, &lines{w: cmd.OutOrStdout(), asJSON: s.asJSON}, &lines{w: cmd.ErrOrStderr()})
		},
	}
	f := cmd.Flags()
	s.join.flags(f)
	f.IntVar(&s.count, "count", 0, "end after this many events; 0: no limit")
	f.DurationVar(&s.lasting, "for", 0, "end after this time; 0: no limit")
	f.DurationVar(&s.within, "within", 0, "end with 3 if there is no neighbour by then; 0: keep looking")
	f.BoolVar(&s.asJSON, "json", false, "print JSON, one object an event")
	return cmd
}

func (s *subscription) run(ctx context.Context, o smoke.Options, names []string, out, notes *lines) error {
	node := smoke.CreateNode(o)
	seen, missed := 0, 0 // the handlers own them until the node has stopped
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	node.Broadcast().OnAny(func(e smoke.Event) {
		if len(names) > 0 && !slices.Contains(names, e.Name) || s.count > 0 && seen >= s.count {
			return
		}
		printEvent(out, e)
		if seen++; seen == s.count {
			enough()
		}
	})
	node.OnGap(func(g smoke.Gap) {
		missed += g.Events
		notes.note(gapWords(g))
	})
	begun, err := begin(ctx, node, o, s.within, notes)
	if err == nil {
		if s.lasting > 0 {
			timer := time.AfterFunc(time.Until(begun.Add(s.lasting)), enough)
			defer timer.Stop()
		}
		<-ctx.Done()
	}
	if err := errors.Join(err, leave(node)); err != nil {
		return err
	}
	switch {
	case missed > 0:
		return fmt.Errorf("%s were missed", count(missed, "event"))
	case seen < s.count:
		return fmt.Errorf("%d of %s arrived", seen, count(s.count, "event"))
	}
	return nil
}

// begin starts a node and reports its neighbours. If within is set, begin waits for the
// first neighbour, for at most that time. more is added to the first line of output.
func begin(ctx context.Context, node *smoke.Node, o smoke.Options, within time.Duration, notes *lines, more ...string) (begun time.Time, err error) {
	node.OnConnect(func() { notes.note("connected") })
	node.OnDisconnect(func() {
		if ctx.Err() == nil {
			notes.note("no neighbour any more; looking for others")
		}
	})
	if err := node.Start(); err != nil {
		return begun, err
	}
	begun = time.Now()
	first := fmt.Sprintf("listening on %s, node %s", node.Addr(), node.ID().Short())
	notes.note(strings.Join(append([]string{first}, more...), "; "))
	if within > 0 {
		err = find(ctx, node, o, within)
	}
	return begun, err
}

// find waits for a neighbour. Its error is a *gauge.AloneError if there is none in
// time.
func find(ctx context.Context, node *smoke.Node, o smoke.Options, within time.Duration) error {
	err := loadtest.Join(ctx, node, o, within)
	if errors.Is(err, loadtest.ErrInterrupted) {
		return errors.New("interrupted before a neighbour was found")
	}
	return err
}

// printEvent prints one event.
func printEvent(out *lines, e smoke.Event) {
	args, err := arguments(e)
	if !out.asJSON {
		words := make([]string, len(args))
		for i, arg := range args {
			words[i] = string(arg)
		}
		text := strings.Join(words, " ")
		if err != nil {
			text = fmt.Sprintf("(%v)", err)
		}
		out.note(fmt.Sprintf("%s from %s: %s", e.Name, e.Origin.Short(), text))
		return
	}
	f := facts{"time": time.Now().Format(time.RFC3339Nano), "name": e.Name, "origin": e.Origin.String(), "seq": e.Seq, "signed": e.Signed}
	if err != nil {
		f["error"], f["raw"] = err.Error(), []byte(e.Raw())
	} else {
		f["args"] = args
	}
	out.object(f)
}

// arguments returns the arguments of an event as JSON.
func arguments(e smoke.Event) ([]json.RawMessage, error) {
	if err := e.Bind(); err != nil { // the number of arguments, which comes next, is only the origin's claim
		return nil, err
	}
	values := make([]any, e.Len())
	ptrs := make([]any, len(values))
	for i := range values {
		ptrs[i] = &values[i]
	}
	if err := e.Bind(ptrs...); err != nil {
		return nil, err
	}
	args := make([]json.RawMessage, len(values))
	for i, value := range values {
		text, err := json.Marshal(jsonable(value))
		if err != nil {
			return nil, err
		}
		args[i] = text
	}
	return args, nil
}
