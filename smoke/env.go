package smoke

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/smokesignal-go/smokesignal/internal/files"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/trust"
)

// variable is one variable of the environment that FromEnv reads.
type variable struct {
	name string
	// set sets the option. If the value is invalid, it returns what to write instead,
	// else "".
	set func(o *Options, value string) (fix string)
}

const envPrefix = "SMOKE_"

var variables = []variable{
	{"SMOKE_ADDRESS", setAddress},
	{"SMOKE_PORT", func(o *Options, v string) string { return setInt(&o.Port, v) }},
	{"SMOKE_LISTEN", func(o *Options, v string) string { o.Listen = v; return "" }},
	{"SMOKE_ADVERTISE", func(o *Options, v string) string { o.Advertise = v; return "" }},
	{"SMOKE_SEEDS", func(o *Options, v string) string { o.Seeds = splitList(v); return "" }},
	{"SMOKE_MIN_PEERS", func(o *Options, v string) string { return setInt(&o.MinPeers, v) }},
	{"SMOKE_MAX_PEERS", func(o *Options, v string) string { return setInt(&o.MaxPeers, v) }},
	{"SMOKE_MAX_GUESTS", func(o *Options, v string) string { return setInt(&o.MaxGuests, v) }},
	{"SMOKE_NETWORK", func(o *Options, v string) string { o.Network = v; return "" }},
	{"SMOKE_KEY_FILE", setKey},
	{"SMOKE_STATE_FILE", func(o *Options, v string) string { o.StateFile = v; return "" }},
	{"SMOKE_SIGNED", func(o *Options, v string) string { o.Signed = splitList(v); return "" }},
	{"SMOKE_SECRET", setSecrets},
	{secretFile, setSecretFile},
	{"SMOKE_INSECURE_PLAINTEXT", func(o *Options, v string) string { return setBool(&o.InsecurePlaintext, v) }},
	{"SMOKE_PING_INTERVAL", func(o *Options, v string) string { return setDuration(&o.PingInterval, v) }},
	{"SMOKE_PING_TIMEOUT", func(o *Options, v string) string { return setDuration(&o.PingTimeout, v) }},
	{"SMOKE_LOG_LEVEL", setLogLevel},
}

// FromEnv returns Options from environment variables, for programs in containers:
//
//	SMOKE_ADDRESS        an address of this machine, or a subnet as for [LocalIP], which
//	                     finds its address there, such as "192.168.2.0/24"
//	SMOKE_PORT           SMOKE_LISTEN     SMOKE_ADVERTISE
//	SMOKE_SEEDS          separated by commas or spaces
//	SMOKE_MIN_PEERS      SMOKE_MAX_PEERS  SMOKE_MAX_GUESTS
//	SMOKE_NETWORK
//	SMOKE_KEY_FILE       a file that `smoke key new` has made
//	SMOKE_STATE_FILE     created if it does not exist
//	SMOKE_SIGNED         names of events, separated by commas or spaces; "*": all
//	SMOKE_SECRET         one, or several separated by commas or spaces: [Options.Secrets]
//	SMOKE_SECRET_FILE    a file with the same, in place of SMOKE_SECRET
//	SMOKE_INSECURE_PLAINTEXT, true or false
//	SMOKE_PING_INTERVAL  SMOKE_PING_TIMEOUT, such as "2s" or "500ms"
//	SMOKE_LOG_LEVEL      error, warn, info, debug or trace, to stderr
//
// A variable that is unset or empty leaves its option at zero. If a value is invalid,
// FromEnv returns an *[OptionsError] that lists all invalid values, and Options with the
// valid ones. FromEnv does not check whether the options fit together, because the
// program may change them first: [Options.Validate] does.
//
// An unknown variable that begins with SMOKE_ is not an error, since another program may
// use it. [Options.Warnings] returns it, and the node logs it at level warn when it
// starts.
func FromEnv() (Options, error) { return fromEnviron(os.Environ()) }

// fromEnviron is FromEnv for an environment in the form "name=value".
func fromEnviron(environ []string) (Options, error) {
	var o Options
	var p problems
	var unknown []string
	environ = slices.Sorted(slices.Values(environ)) // so that problems have a fixed order
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		n := slices.IndexFunc(variables, func(v variable) bool { return v.name == name })
		value = strings.TrimSpace(value)
		switch {
		case n < 0:
			unknown = append(unknown, name)
		case value != "":
			if fix := variables[n].set(&o, value); fix != "" {
				p.add(name, value, "it can't be used", fix)
			}
		}
	}
	if len(unknown) > 0 {
		if o.odd == nil {
			o.odd = &oddities{}
		}
		o.odd.unknown = unknown
	}
	return o, p.err()
}

// oddities are findings in the environment that are not errors. They never change, so
// copies of Options can share them.
type oddities struct {
	unknown []string    // unknown variables that begin with SMOKE_
	public  fs.FileMode // of the SMOKE_SECRET_FILE, if other users can read it
}

// Warnings returns what [FromEnv] found that is no error: variables that begin with SMOKE_
// and that smokesignal does not read, and a SMOKE_SECRET_FILE that every user of the
// machine can read. A node with these options logs them when it starts. The values of the
// variables are left out, since a misspelt variable may hold a secret.
func (o Options) Warnings() []Problem {
	if o.odd == nil {
		return nil
	}
	var list []Problem
	if o.odd.public != 0 {
		list = append(list, Problem{secretFile, fmt.Sprintf("a file of mode %#o", o.odd.public), "other users of this machine can read it", "chmod 600 the file, or mount it with mode 0400"})
	}
	for _, name := range o.odd.unknown {
		list = append(list, Problem{name, "set", "smokesignal does not read this variable", "write " + nearest(name) + " if you mean that one"})
	}
	return list
}

const secretFile = "SMOKE_SECRET_FILE"

// mostUnknown bounds the variables that are logged one by one. It is a guess: Kubernetes
// sets seven variables for a service called smoke.
const mostUnknown = 8

// warnOfEnvironment logs the warnings of the options.
func (n *Node) warnOfEnvironment() {
	list := n.opts.Warnings()
	if len(list) > 0 && list[0].Field == secretFile {
		n.log.Warn("other users of this machine can read the secret file", logging.Fields{"variable": secretFile, "value": list[0].Value, "fix": list[0].Fix})
		list = list[1:]
	}
	for _, w := range list[:min(len(list), mostUnknown)] {
		n.log.About(w.Field).Warn("smokesignal does not read this variable of the environment", logging.Fields{"variable": w.Field, "nearest": nearest(w.Field)})
	}
	if rest := len(list) - mostUnknown; rest > 0 {
		n.log.Warn("smokesignal does not read further variables of the environment that begin with SMOKE_", logging.Fields{"variables": rest})
	}
}

func setAddress(o *Options, value string) (fix string) {
	if !strings.Contains(value, "/") {
		o.Address = value
		return ""
	}
	ip, err := LocalIP(value)
	if err != nil {
		return fmt.Sprintf("write an address of this machine, or a subnet in which it has one (%v)", err)
	}
	o.Address = ip
	return ""
}

func setBool(field *bool, value string) (fix string) {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return "write true or false"
	}
	*field = b
	return ""
}

func setKey(o *Options, path string) (fix string) {
	key, err := trust.LoadKey(path)
	if err != nil {
		return fmt.Sprintf("name a file that `smoke key new` has made (%v)", err)
	}
	o.Key = key
	return ""
}

func setSecrets(o *Options, value string) (fix string) {
	list := splitList(value)
	if o.Secret != "" || len(o.Secrets) > 0 {
		return "set one of SMOKE_SECRET and SMOKE_SECRET_FILE"
	}
	if len(list) > 0 {
		o.Secret = list[0]
	}
	if len(list) > 1 {
		o.Secrets = list
	}
	return ""
}

// mostSecretFile is the size limit of a secret file in bytes, far more than a node's
// secrets need.
const mostSecretFile = 64 << 10

// setSecretFile sets the secrets from a file. No part of the file goes into fix, because
// fix is logged.
func setSecretFile(o *Options, path string) (fix string) {
	text, mode, err := files.ReadMode(path, mostSecretFile)
	if err != nil {
		return fmt.Sprintf("name a file with a secret, such as `smoke key secret` prints (%v)", err)
	}
	if len(splitList(string(text))) == 0 {
		return "name a file with a secret, such as `smoke key secret` prints: this one is empty"
	}
	if files.IsPublic(mode) {
		o.odd = &oddities{public: mode.Perm()}
	}
	return setSecrets(o, string(text))
}

func setInt(field *int, value string) (fix string) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return "write a whole number"
	}
	*field = n
	return ""
}

func setDuration(field *time.Duration, value string) (fix string) {
	d, err := time.ParseDuration(value)
	if err != nil {
		return `write a number and a unit, such as "2s" or "500ms"`
	}
	*field = d
	return ""
}

func setLogLevel(o *Options, value string) (fix string) {
	level, err := logrus.ParseLevel(value)
	if err != nil {
		return "write error, warn, info, debug or trace"
	}
	o.Logger = logging.Stderr(level)
	return ""
}

// splitList splits a list at commas and white space.
func splitList(value string) []string {
	return strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r' })
}

// nearest returns the known variable whose spelling is closest to name.
func nearest(name string) string {
	best := slices.MinFunc(variables, func(a, b variable) int { return distance(name, a.name) - distance(name, b.name) })
	return best.name
}

// distance returns Levenshtein's distance: the number of bytes to insert, delete or
// replace to turn a into b.
func distance(a, b string) int {
	// row[j] is the distance between the first bytes of a, up to the loop's position,
	// and the first j bytes of b.
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
