package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// probes maps each probe to its path.
var probes = map[string]string{"live": "livez", "ready": "readyz", "alone": "readyz?alone=ok"}

const probeLong = `Ask the dashboard of a node whether the node lives ("live"), and whether it is part of
a network ("ready"; "alone" also accepts a node that still looks for one). It is for the
probes of containers: images of smoke have no shell, and a dashboard on the loopback can
only be reached from inside. It ends with 0 if so, with 1 if not, and with 3 if nothing
answers.
`

func probeCommand() *cobra.Command {
	v := newViewing()
	cmd := &cobra.Command{
		Use:       "probe live|ready|alone",
		Short:     "check whether a node lives and is ready, for service managers",
		Long:      probeLong,
		Example:   "  smoke probe ready\n  smoke probe live --url http://127.0.0.1:8496",
		ValidArgs: []string{"live", "ready", "alone"},
		Args:      argsOf(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.within <= 0 {
				return usageError{fmt.Errorf("--within is %v: write a duration such as 5s", v.within)}
			}
			at, err := v.dashboard(cmd)
			if err != nil {
				return err
			}
			return at.probe(cmd.Context(), probes[args[0]], cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&v.url, "url", "", "`URL` of the dashboard of a node (default SMOKESIGNAL_URL, or "+defaultURL+")")
	cmd.Flags().DurationVar(&v.within, "within", 5*time.Second, "give up after that time")
	return cmd
}

// probe asks the dashboard. If the answer is negative, it prints it.
func (w window) probe(ctx context.Context, path string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, w.within)
	defer cancel()
	at, err := url.Parse(w.base.String() + path)
	if err != nil {
		return err
	}
	a, err := retrieve(ctx, at)
	if err != nil {
		return &nobodyThere{fmt.Errorf("no dashboard at %s: %w", w.base, err)}
	}
	if a.code == http.StatusOK {
		return nil
	}
	fmt.Fprint(out, printable(string(a.body)))
	return errFailed
}
