package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/smoke"
	"github.com/smokesignal-go/smokesignal/trust"
)

// joining holds the flags that all commands with a node have, and the options that result
// from them and the environment.
type joining struct {
	// isGuest means that the node runs for a short time, perhaps next to another node for
	// which the environment was written. The settings that only one node can have (port,
	// key, state file) are then taken from flags only.
	isGuest bool

	given      smoke.Options // from flags
	keyFile    string
	secretFile string
	tlsFiles   []string
	logLevel   string
}

// envHelp ends the help of a command with these flags.
const envHelp = `
Options without a flag come from the environment, as in smoke.FromEnv: SMOKE_SEEDS,
SMOKE_ADDRESS, SMOKE_SECRET, SMOKE_PING_TIMEOUT, …; a flag overrides its variable.`

// guestHelp ends the help of a command whose node is a guest.
const guestHelp = envHelp + `
SMOKE_PORT, SMOKE_ADVERTISE, SMOKE_KEY_FILE and SMOKE_STATE_FILE are ignored: they
belong to the node that runs here.`

func (j *joining) flags(f *pflag.FlagSet) {
	f.SortFlags = false
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "seed" {
			name = "seeds" // usually one
		}
		return pflag.NormalizedName(name)
	})
	f.StringSliceVar(&j.given.Seeds, "seeds", nil, "`host:port` of nodes of the network to join")
	f.StringVar(&j.given.Address, "address", "", "`IP` of this machine, or its subnet (default 127.0.0.1)")
	f.IntVar(&j.given.Port, "port", 0, "to listen on; 0: a free one")
	f.StringVar(&j.given.Listen, "listen", "", "`host` or host:port to listen on, if it differs from the address")
	f.StringVar(&j.given.Advertise, "advertise", "", "`host` or host:port to advertise, if it differs")
	f.StringVar(&j.given.Network, "network", "", "`name` of the network")
	j.trustFlags(f)
	f.StringSliceVar(&j.given.Signed, "signed", nil, "`names` of events that must be signed; '*': all")
	f.StringVar(&j.given.StateFile, "state", "", "`file` that stores addresses for the next start of the node")
	f.IntVar(&j.given.MinPeers, "min-peers", 0, "minimum number of links (default 3)")
	f.IntVar(&j.given.MaxPeers, "max-peers", 0, "maximum number of links (default 5); negative: no limit")
	f.IntVar(&j.given.MaxGuests, "max-guests", 0, "additional links to nodes that can't be dialled (default 64); negative: none")
	f.StringVar(&j.logLevel, "log-level", "", "`level` from which the node logs to stderr: error, warn, info, debug, trace")
}

// trustFlags adds the flags for the security of links.
func (j *joining) trustFlags(f *pflag.FlagSet) {
	f.StringVar(&j.secretFile, "secret-file", "", "`file` with the secret of the network; if it has several, the first one is proved; smoke key secret makes one")
	f.StringVar(&j.keyFile, "key", "", "`file` with the key of this node, which no other running node may use; smoke key new makes one")
	f.StringSliceVar(&j.tlsFiles, "tls", nil, "`CA,CERT,KEY`: the PEM files of a certificate authority and of this node")
	f.BoolVar(&j.given.InsecurePlaintext, "insecure-plaintext", false, "links are not encrypted, also to other machines")
}

// read reads the options from the environment and the flags, of which the flags take
// precedence. It does not check whether the options fit together. If it fails, it returns
// the options that could be read and an error.
func (j *joining) read(f *pflag.FlagSet) (smoke.Options, error) {
	o, err := smoke.FromEnv()
	if l, ok := o.Logger.(*logrus.Logger); ok {
		l.SetFormatter(logLines{})
	}
	problems := []error{withoutOverruled(err, f)}
	if j.isGuest {
		problems = append(problems, visit(&o))
	}
	for name, set := range map[string]func(){ // order does not matter: each sets a different field
		"seeds":              func() { o.Seeds = j.given.Seeds },
		"address":            func() { o.Address = j.given.Address },
		"port":               func() { o.Port = j.given.Port },
		"listen":             func() { o.Listen = j.given.Listen },
		"advertise":          func() { o.Advertise = j.given.Advertise },
		"network":            func() { o.Network = j.given.Network },
		"signed":             func() { o.Signed = j.given.Signed },
		"state":              func() { o.StateFile = j.given.StateFile },
		"min-peers":          func() { o.MinPeers = j.given.MinPeers },
		"max-peers":          func() { o.MaxPeers = j.given.MaxPeers },
		"max-guests":         func() { o.MaxGuests = j.given.MaxGuests },
		"insecure-plaintext": func() { o.InsecurePlaintext = j.given.InsecurePlaintext },
	} {
		if f.Changed(name) {
			set()
		}
	}
	if strings.Contains(j.given.Address, "/") {
		ip, err := smoke.LocalIP(j.given.Address)
		if o.Address = ip; err != nil {
			problems = append(problems, err)
		}
	}
	problems = append(problems, j.readTrust(&o), j.readLevel(&o))
	return o, errors.Join(problems...)
}

// withoutOverruled removes the errors about variables that a flag overrides.
func withoutOverruled(err error, f *pflag.FlagSet) error {
	all, ok := errors.AsType[*smoke.OptionsError](err)
	if !ok {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(all.Problems), func(p smoke.Problem) bool {
		name := strings.TrimSuffix(strings.TrimPrefix(p.Field, "SMOKE_"), "_FILE")
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		flag := f.Lookup(name)
		return flag != nil && flag.Name == name && flag.Changed
	})
	if len(left) == 0 {
		return nil
	}
	return &smoke.OptionsError{Problems: left}
}

// isAddressLost reports whether the options have no address because the lookup that the
// flags or the environment ask for has found none.
func (j *joining) isAddressLost(o smoke.Options) bool {
	return o.Address == "" && (j.given.Address != "" || os.Getenv("SMOKE_ADDRESS") != "")
}

// valid is like read, but also returns an error if the options are invalid.
func (j *joining) valid(f *pflag.FlagSet) (smoke.Options, error) {
	o, err := j.read(f)
	if err == nil {
		err = o.Validate()
	}
	if err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// mostSecrets is the size limit of a file with secrets or a token, in bytes: far more than they
// need.
const mostSecrets = 64 << 10

// readTrust reads the files that flags name.
func (j *joining) readTrust(o *smoke.Options) (err error) {
	if j.secretFile != "" {
		text, mode, e := files.ReadMode(j.secretFile, mostSecrets)
		err = errors.Join(err, e)
		if e == nil && files.IsPublic(mode) {
			fmt.Fprintf(os.Stderr, "smoke: other users of this machine can read the --secret-file (mode %#o): chmod 600 the file, or mount it with mode 0400\n", mode.Perm())
		}
		o.Secret, o.Secrets = "", strings.FieldsFunc(string(text), func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
		if len(o.Secrets) > 0 {
			o.Secret = o.Secrets[0]
		} else if e == nil {
			err = errors.Join(err, fmt.Errorf("%s contains no secret", j.secretFile))
		}
	}
	if j.keyFile != "" {
		key, e := trust.LoadKey(j.keyFile)
		err = errors.Join(err, e)
		o.Key = key
	}
	switch len(j.tlsFiles) {
	case 0:
	case 3:
		config, e := trust.LoadTLS(j.tlsFiles[0], j.tlsFiles[1], j.tlsFiles[2])
		err = errors.Join(err, e)
		o.TLS = config
	default:
		err = errors.Join(err, fmt.Errorf("--tls names %d files: write three, CA,CERT,KEY, as `smoke cert dev` makes them", len(j.tlsFiles)))
	}
	return err
}

func (j *joining) readLevel(o *smoke.Options) error {
	if j.logLevel == "" {
		return nil
	}
	level, err := logrus.ParseLevel(j.logLevel)
	if err != nil {
		return fmt.Errorf("--log-level is %.100q: write error, warn, info, debug or trace", j.logLevel)
	}
	logTo(o, os.Stderr, level, false)
	return nil
}

// visit replaces the options that only one node can have, because another node may run with
// the same environment.
func visit(o *smoke.Options) (err error) {
	o.Port, o.Advertise, o.StateFile = 0, smoke.NoAddress, "" // other nodes must not look for it after it has left
	if host, _, err := net.SplitHostPort(o.Listen); err == nil {
		o.Listen = host
	}
	if o.Key != nil {
		o.Key, err = trust.NewKey() // its links must be encrypted like those of the other node
	}
	return err
}

// interruptible ends with the first Ctrl-C or SIGTERM. The second one ends the
// process at once.
func interruptible(cmd *cobra.Command) (ctx context.Context, release func()) {
	ctx, quit := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	off := context.AfterFunc(ctx, quit)
	return ctx, func() {
		off()
		quit()
	}
}
