package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/loadtest"
	"github.com/smokesignal-go/smokesignal/smoke"
)

// receive runs a node that counts events, until ctx ends.
func (b *benchmark) receive(ctx context.Context, cmd *cobra.Command) error {
	out := &lines{w: cmd.OutOrStdout(), asJSON: b.asJSON}
	logTo(&b.node, cmd.ErrOrStderr(), logrus.WarnLevel, b.asJSON)
	node := smoke.CreateNode(b.node)
	receiver := loadtest.NewReceiver(node, nil, out.run)
	defer b.end(cmd, receiver.Close)
	node.OnConnect(func() { out.note("connected; waiting for runs") })
	node.OnDisconnect(func() {
		if ctx.Err() == nil {
			out.note("no neighbour any more; looking for others")
		}
	})
	if err := node.Start(); err != nil {
		return err
	}
	defer b.end(cmd, node.Stop)
	out.note(fmt.Sprintf("node %s of network %q; others reach it with --seeds %s", node.ID().Short(), b.node.Network, node.Advertised()))
	if len(b.node.Seeds) > 0 {
		var alone *loadtest.AloneError
		if err := loadtest.Join(ctx, node, b.node, loadtest.JoinWithin); errors.As(err, &alone) {
			fmt.Fprintf(cmd.ErrOrStderr(), "smoke: %v\nstill looking\n", err)
		}
	}
	<-ctx.Done()
	return nil
}

// run prints a finished run.
func (l *lines) run(r loadtest.Run) {
	if !l.asJSON {
		l.note(fmt.Sprintf("run of %s, events of up to %d B: %s", r.Emitter.Short(), r.Size, r.Verdict()))
		return
	}
	l.object(facts{
		"emitter": r.Emitter.String(), "events": r.Events, "size": r.Size, "received": r.Received, "lost": r.Lost(),
		"told": r.Told, "duplicates": r.Duplicates, "outOfOrder": r.OutOfOrder, "corrupt": r.Corrupt,
	})
}
