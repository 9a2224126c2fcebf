package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/smokesignal-go/smokesignal/internal/wire"
)

// stamp is the version of a build without version control, such as that of an image: go
// build -ldflags "-X main.stamp=v1.2.3".
var stamp string

// version describes this program.
type version struct {
	Version  string `json:"version"`            // of the module; "(devel)" if it was built in a checkout
	Revision string `json:"revision,omitempty"` // of its repository
	Time     string `json:"time,omitempty"`     // of the revision
	Modified bool   `json:"modified,omitempty"` // there were uncommitted changes
	Protocol string `json:"protocol"`
	Go       string `json:"go"`
	System   string `json:"system"`
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: "Print the version of the module, its protocol version, and the version of Go.\n" +
			"Nodes of different major versions of the protocol do not talk; minor ones do not matter.",
		Example: "  smoke version --json",
		Args:    argsOf(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := readVersion(debug.ReadBuildInfo())
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), v)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readVersion reads the version from the build information.
func readVersion(info *debug.BuildInfo, ok bool) version {
	v := version{
		Version:  "unknown",
		Protocol: fmt.Sprintf("%d.%d", wire.Major, wire.Minor),
		Go:       runtime.Version(),
		System:   runtime.GOOS + "/" + runtime.GOARCH,
	}
	if !ok {
		return v
	}
	if v.Version = cmp.Or(stamp, info.Main.Version, v.Version); stamp != "" {
		return v // other values do not belong to this module
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String returns the version in one line.
func (v version) String() string {
	from := ""
	if v.Revision != "" {
		from = fmt.Sprintf(" (%.12s of %s", v.Revision, v.Time)
		if v.Modified {
			from += ", with changes"
		}
		from += ")"
	}
	return fmt.Sprintf("smoke %s%s, protocol %s, %s %s", v.Version, from, v.Protocol, v.Go, v.System)
}
