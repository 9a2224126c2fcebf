package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/smoke"
)

// emission is one call of smoke emit.
type emission struct {
	join     joining
	jsonArgs bool
	within   time.Duration
	asJSON   bool
}

// findWithin is how long commands look for a neighbour. A guess: a dozen attempts at a
// running seed.
const findWithin = 10 * time.Second

const emitLong = `Join a network, emit an event, and leave when a neighbour has taken it and relays it.
With "-" as the only argument, each line of input is emitted as an event with one
argument, and the node stays until the input ends.

If there is no neighbour in time, it emits nothing and ends with 3. It ends with 1 if a
neighbour has not taken all events.
`

func emitCommand() *cobra.Command {
	e := &emission{join: joining{isGuest: true}}
	cmd := &cobra.Command{
		Use:   "emit NAME [ARG...]",
		Short: "emit an event, or one for each line of input",
		Long:  emitLong + guestHelp,
		Example: "  smoke emit chat 'hello everybody' --seeds 127.0.0.1:8495\n" +
			"  smoke emit order --json-args '{\"id\": 7}' 12.5 --seeds 127.0.0.1:8495\n" +
			"  tail -f app.log | smoke emit log - --seeds 127.0.0.1:8495",
		Args: argsOf(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := e.join.valid(cmd.Flags())
			if err != nil {
				return err
			}
			if len(o.Seeds) == 0 && o.Port == 0 {
				return usageError{errors.New("name a node of the network: --seeds HOST:PORT, or SMOKE_SEEDS")}
			}
			logTo(&o, cmd.ErrOrStderr(), logrus.ErrorLevel, e.asJSON) // no warnings, because the errors of the command repeat them
			ctx, release := interruptible(cmd)
			defer release()
			emitted, err := e.run(ctx, o, args[0], args[1:], cmd.InOrStdin())
			if e.asJSON {
				(&lines{w: cmd.OutOrStdout(), asJSON: true}).object(facts{"emitted": emitted})
			}
			return err
		},
	}
	f := cmd.Flags()
	e.join.flags(f)
	f.BoolVar(&e.jsonArgs, "json-args", false, "each argument, and each line of input, is JSON")
	f.DurationVar(&e.within, "within", findWithin, "how long to look for a neighbour")
	f.BoolVar(&e.asJSON, "json", false, "print JSON: how many events were emitted")
	return cmd
}

func (e *emission) run(ctx context.Context, o smoke.Options, name string, texts []string, in io.Reader) (emitted int, err error) {
	fromInput := len(texts) == 1 && texts[0] == "-"
	var args []any
	if !fromInput {
		if args, err = e.parse(texts); err != nil {
			return 0, usageError{err}
		}
	}
	node := smoke.CreateNode(o)
	if err := node.Start(); err != nil {
		return 0, err
	}
	defer func() {
		alone := emitted > 0 && node.Peers().Len() == 0
		err = errors.Join(err, leave(node)) // leave sends the queued events
		if alone && err == nil {
			err = errors.New("the last neighbour has left and may not have taken all events")
		}
	}()
	if err := find(ctx, node, o, e.within); err != nil {
		return 0, err
	}
	if !fromInput {
		if err := node.Broadcast().EmitContext(ctx, name, args...); err != nil {
			return 0, err
		}
		return 1, nil
	}
	for line, err := range inputLines(ctx, in) {
		if err != nil {
			return emitted, err
		}
		args, err := e.parse([]string{line})
		if err != nil {
			return emitted, fmt.Errorf("line %d: %w", emitted+1, err)
		}
		if err := node.Broadcast().EmitContext(ctx, name, args...); err != nil {
			return emitted, err
		}
		emitted++
	}
	return emitted, nil
}

// parse turns texts into arguments.
func (e *emission) parse(texts []string) ([]any, error) {
	args := make([]any, len(texts))
	for i, text := range texts {
		if args[i] = text; !e.jsonArgs {
			continue
		}
		value, err := parseJSON(text)
		if err != nil {
			return nil, fmt.Errorf("argument %d is not JSON: %w", i+1, err)
		}
		args[i] = value
	}
	return args, nil
}

// parseJSON decodes one value. Whole numbers stay whole.
func parseJSON(text string) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return numbers(value)
}

// numbers converts numbers that the decoder has left as text, anywhere in a value.
func numbers(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = numbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v { // order does not matter: entries are independent
			if v[key], err = numbers(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// longestLine of input, in bytes: the limit of an event.
const longestLine = 1 << 20

// inputLines yields the lines of input as they arrive, until the input or ctx ends.
func inputLines(ctx context.Context, in io.Reader) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		type read struct {
			line string
			err  error
		}
		reads := make(chan read)
		ended := make(chan struct{})
		defer close(ended)
		// Owner: this loop. It ends with the input, or at the first line after the loop.
		// Nothing waits for it, because a read from a terminal can't be cancelled. The
		// process ends next.
		go func() {
			defer close(reads)
			scanner := bufio.NewScanner(in)
			scanner.Buffer(nil, longestLine)
			give := func(r read) bool {
				select {
				case reads <- r:
					return true
				case <-ended:
					return false
				}
			}
			for scanner.Scan() {
				if !give(read{line: scanner.Text()}) {
					return
				}
			}
			if err := scanner.Err(); err != nil {
				give(read{err: fmt.Errorf("read the input: %w", err)})
			}
		}()
		for {
			select {
			case r, ok := <-reads:
				if !ok || !yield(r.line, r.err) || r.err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
