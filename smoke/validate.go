package smoke

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/smokesignal-go/smokesignal/discovery"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/redact"
)

// Problem is one mistake in [Options] or in the environment.
type Problem struct {
	Field string // the field of Options, or the variable
	Value string // its value; only the length if it could be a secret
	Why   string // what is wrong with the value
	Fix   string // what to write instead
}

// String returns the problem in one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s is %s: %s; %s", p.Field, p.Value, p.Why, p.Fix)
}

// OptionsError lists all problems of some options.
type OptionsError struct {
	Problems []Problem // at least one
}

// Error implements error. The text has a line for each problem.
func (e *OptionsError) Error() string {
	if len(e.Problems) == 1 {
		return "bad options: " + e.Problems[0].String()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "bad options, %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		text.WriteString("\n\t" + p.String())
	}
	return text.String()
}

// problems collects the problems of some options.
type problems []Problem

func (p *problems) add(field string, value any, why, fix string) {
	text := redact.Text(fmt.Sprint(value))
	if _, ok := value.(string); ok {
		text = fmt.Sprintf("%.100q", text)
	}
	*p = append(*p, Problem{Field: field, Value: text, Why: redact.Text(why), Fix: redact.Text(fix)})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &OptionsError{Problems: p}
}

// Validate returns an *[OptionsError] with all problems of the options, or nil. It uses
// no network: whether an address belongs to this machine, or a seed answers, shows only
// later. Start calls Validate.
func (o Options) Validate() error {
	var p problems
	o.validateAddresses(&p)
	o.validateSeeds(&p)
	o.validatePeers(&p)
	o.validateSecurity(&p)
	o.validateRest(&p)
	return p.err()
}

func (o Options) validateAddresses(p *problems) {
	if o.Address != "" {
		at, why := handshake.ReadPlace(o.Address)
		switch {
		case why != "":
			p.add("Address", o.Address, why, writeHost)
		case at.Port != 0:
			p.add("Address", o.Address, "it includes a port", fmt.Sprintf("write %q there, and %d as the Port", at.Host, at.Port))
		case at.IsWildcard():
			p.add("Address", o.Address, "others can't dial it", "write an address of this machine, and this one as Listen")
		}
	}
	if o.Port < 0 || o.Port > 65535 {
		p.add("Port", o.Port, "it is not a port number", "write 1 to 65535, or 0 for a free one")
	}
	if o.Listen != "" {
		at, why := handshake.ReadPlace(o.Listen)
		switch {
		case why != "":
			p.add("Listen", o.Listen, why, `write a host or host:port to bind, such as "0.0.0.0"`)
		case at.Port != 0 && o.Port != 0 && at.Port != o.Port:
			p.add("Listen", o.Listen, fmt.Sprintf("its port is not the Port, which is %d", o.Port), "leave one of the two out")
		}
	}
	if o.Advertise != "" && o.Advertise != NoAddress {
		at, why := handshake.ReadPlace(o.Advertise)
		switch {
		case why != "":
			p.add("Advertise", o.Advertise, why, "write the host or host:port at which others reach this node")
		case at.IsWildcard():
			p.add("Advertise", o.Advertise, "others can't dial it", "write the host or host:port at which they reach this node")
		}
	}
}

const writeHost = `write an address of this machine, such as "192.168.2.17"`

func (o Options) validateSeeds(p *problems) {
	remote := ""
	for n, text := range o.Seeds {
		field := fmt.Sprintf("Seeds[%d]", n)
		if o.Resolver != nil && hasOtherScheme(text) {
			continue // only that resolver can check it
		}
		seed, err := discovery.ParseSeed(text)
		if syntax, ok := err.(*discovery.SyntaxError); ok {
			p.add(field, text, syntax.Why, syntax.Fix)
		} else if err != nil {
			p.add(field, text, err.Error(), `write "host:port" or "dns://name:port"`)
		} else if o.isRemote(seed) {
			remote = text
		}
	}
	if remote == "" {
		return
	}
	// The address that other nodes would dial, and the option that sets it.
	field, value := "Address", o.Address
	if o.Listen != "" {
		field, value = "Listen", o.Listen
	}
	if o.Advertise == NoAddress {
		return
	}
	if o.Advertise != "" {
		field, value = "Advertise", o.Advertise
	}
	at, _ := handshake.ReadPlace(value)
	if value == "" || at.IsLoopback() {
		p.add(field, value, fmt.Sprintf("only this machine can reach the node there, and seed %q is on another one", remote),
			`set Address to an address of this machine, for example from smoke.LocalIP("192.168.2.0/24")`)
	}
}

// hasOtherScheme reports whether a seed has a scheme that only a Resolver of the program
// can look up.
func hasOtherScheme(seed string) bool {
	scheme, _, found := strings.Cut(seed, "://")
	return found && !strings.EqualFold(scheme, string(discovery.DNS)) && !strings.EqualFold(scheme, string(discovery.SRV))
}

// isRemote reports whether a seed is certainly not on the loopback. If the program sets a
// Resolver or Transport, a name can mean anything, and isRemote returns false for it.
func (o Options) isRemote(seed discovery.Seed) bool {
	if seed.IP.IsValid() {
		return !seed.IP.IsLoopback()
	}
	return o.Resolver == nil && o.Transport == nil && !handshake.Place{Host: strings.ToLower(strings.TrimSuffix(seed.Host, "."))}.IsLoopback()
}

func (o Options) validatePeers(p *problems) {
	if o.MinPeers < 0 {
		p.add("MinPeers", o.MinPeers, "it is negative", "write 1 or more, or 0 for the default")
	}
	if o.MinPeers > mostPeers {
		p.add("MinPeers", o.MinPeers, "it is too large", fmt.Sprintf("write %d at most", mostPeers))
	}
	if o.MaxPeers > 0 && o.MinPeers > o.MaxPeers {
		p.add("MinPeers", o.MinPeers, fmt.Sprintf("it is above MaxPeers, which is %d", o.MaxPeers),
			"write at most MaxPeers, or a negative MaxPeers for no limit")
	}
	checkPing(p, "PingInterval", o.PingInterval)
	checkPing(p, "PingTimeout", o.PingTimeout)
}

func checkPing(p *problems, field string, d time.Duration) {
	if d > longestPing {
		p.add(field, d, fmt.Sprintf("it is longer than %v", longestPing), "write a duration such as 2*time.Second, or 0 for the default")
	}
	if d != 0 && d < shortestPing {
		p.add(field, d, fmt.Sprintf("it is shorter than %v", shortestPing), "write a duration such as 2*time.Second, or 0 for the default")
	}
}

func (o Options) validateRest(p *problems) {
	switch {
	case len(o.Network) > maxNetwork:
		p.add("Network", o.Network, fmt.Sprintf("it is %d bytes long", len(o.Network)), fmt.Sprintf("write at most %d bytes", maxNetwork))
	case !utf8.ValidString(o.Network) || strings.ContainsFunc(o.Network, unicode.IsControl):
		p.add("Network", o.Network, "it has characters that can't be printed", "write letters and digits")
	}
	if o.MaxPayload < 0 || o.MaxPayload > defaultMaxPayload {
		p.add("MaxPayload", o.MaxPayload, "no node sends events of this size", fmt.Sprintf("write 1 to %d, or 0 for the highest value", defaultMaxPayload))
	}
	if why := logging.Fault(o.Logger); why != "" {
		p.add("Logger", fmt.Sprintf("%T", o.Logger), why, "write a *logrus.Logger, a *slog.Logger, or nil")
	}
}
