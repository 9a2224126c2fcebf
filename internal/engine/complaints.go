package engine

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
	"github.com/smokesignal-go/smokesignal/internal/handshake"
	"github.com/smokesignal-go/smokesignal/internal/logging"
	"github.com/smokesignal-go/smokesignal/internal/wire"
	"github.com/smokesignal-go/smokesignal/trust"
)

// mismatch says which option keeps two nodes from linking, and how to change it. The text is
// fixed, so that the log can count repetitions. Both values are in the fields, unless one
// is secret.
type mismatch struct {
	text   string
	fields logging.Fields // always with the key "option": the field of Options to change
}

// The texts of mismatches. Each names the option and the variable.
const (
	sayNetwork   = "it belongs to another network; set Options.Network (SMOKE_NETWORK) alike on both"
	sayVersion   = "it speaks another version of the protocol; update the older one"
	saySecret    = "it does not have this node's secret; set Options.Secret (SMOKE_SECRET) alike on both"
	sayTurned    = "it does not let this node in; set Options.Secret (SMOKE_SECRET) as that node has it, or put this node's id on its list (Options.Allow)"
	sayListed    = "it is not on this node's list; add its id to Options.Allow"
	sayAdmit     = "this node's rule Options.Admit does not let it in"
	sayID        = "it says an id that is not that of its key"
	sayPlaintext = "one end encrypts its links and the other does not; set Options.Secret (SMOKE_SECRET) or Key (SMOKE_KEY_FILE) on both, or InsecurePlaintext on both"
	sayTLS       = "the certificates of the two do not fit; set Options.TLS of both to certificates of one authority, for the addresses at which they are dialled"
)

// complaints logs why other nodes can't link up with this one. Any goroutine may use it.
type complaints struct {
	of          context.Context // this context ends with the life; nothing is logged after that
	log         *logging.Logger
	id          ident.ID
	isEncrypted bool
	encryptedBy string // see Config.EncryptedBy
	mismatches
}

func newComplaints(ctx context.Context, cfg *Config) *complaints {
	return &complaints{ctx, cfg.Log, cfg.ID, cfg.Guard != nil, cfg.EncryptedBy, newMismatches()}
}

// mismatchOf reports whether a handshake failed because the options of the two nodes do
// not match. It returns the option that differs.
func (c *complaints) mismatchOf(err error) (m mismatch, ok bool) {
	set := func(text, option string, more logging.Fields) {
		m, ok = mismatch{text, logging.Fields{"option": option}}, true
		for name, value := range more {
			m.fields[name] = value
		}
	}
	links := func(encrypted bool) string {
		if encrypted {
			return "encrypted"
		}
		return "plaintext"
	}
	var value *handshake.MisfitError
	switch {
	case errors.As(err, &value) && value.Is == handshake.ErrOtherVersion:
		set(sayVersion, "version", logging.Fields{"ours": value.Ours, "theirs": value.Theirs})
	case errors.As(err, &value):
		set(sayNetwork, "Network", logging.Fields{"ours": value.Ours, "theirs": value.Theirs})
	case errors.Is(err, trust.ErrWrongSecret):
		set(saySecret, "Secret", nil)
	case errors.Is(err, handshake.ErrTurnedAway):
		set(sayTurned, "Secret", logging.Fields{"id": c.id.String()})
	case errors.Is(err, trust.ErrNotListed):
		set(sayListed, "Allow", nil)
	case errors.Is(err, trust.ErrNotItsID):
		set(sayID, "Key", nil)
	case handshake.IsCertificateFault(err):
		set(sayTLS, "TLS", nil)
	case errors.Is(err, handshake.ErrNotAdmitted):
		set(sayAdmit, "Admit", nil)
	case errors.Is(err, handshake.ErrPlaintext):
		set(sayPlaintext, c.encryptedBy, logging.Fields{"ours": links(c.isEncrypted), "theirs": links(!c.isEncrypted)})
	}
	return m, ok
}

// These limits apply to warnings about nodes whose options do not match, and about
// programs that are not nodes, each for both directions. A stranger can cause such
// warnings by connecting from many addresses, and a member by advertising false
// addresses. So each limit applies to all addresses together, in addition to the limit of
// one line in ten seconds for each address. Programs that are not nodes have separate
// limits, so that they do not hide nodes with wrong options.
const (
	mismatchEvery  = 5 * time.Second // a guess: twelve lines a minute under attack
	mismatchAtOnce = 10              // a guess: the number of nodes in a small network whose options are wrong at its start
)

// mismatches holds the limiters of these warnings. Any goroutine may use it.
type mismatches struct{ dialled, came, noNode, noGreeting *rate.Limiter }

func newMismatches() mismatches {
	limit := func() *rate.Limiter { return rate.NewLimiter(rate.Every(mismatchEvery), mismatchAtOnce) }
	return mismatches{limit(), limit(), limit(), limit()}
}

// tellMismatch logs a mismatch as a warning. If the limit is reached, it logs at level
// debug.
func (c *complaints) tellMismatch(limit *rate.Limiter, about, prefix string, m mismatch, f logging.Fields) {
	for name, value := range m.fields {
		f[name] = value
	}
	c.warnWithin(limit, about, prefix+m.text, f)
}

// warnWithin logs a warning. If the limit is reached, it logs at level debug.
func (c *complaints) warnWithin(limit *rate.Limiter, about, text string, f logging.Fields) {
	log := c.log.About(about)
	if !limit.Allow() {
		log.Debug(text, f)
		return
	}
	log.Warn(text, f)
}

// ofMismatch logs why the node at an address and this one can't link up. It returns false
// if the reason is not a mismatch of their options.
func (c *complaints) ofMismatch(addr string, err error) bool {
	m, ok := c.mismatchOf(err)
	if !ok {
		return false
	}
	prefix := "the node at this address and this one do not let each other in: "
	if errors.Is(err, handshake.ErrOtherNetwork) || errors.Is(err, handshake.ErrOtherVersion) {
		prefix = "what listens at this address is no node of this network: "
	}
	c.tellMismatch(c.dialled, addr, prefix, m, logging.Fields{"addr": addr, "error": err})
	return true
}

// ofConn logs why an incoming connection was refused.
func (c *complaints) ofConn(conn net.Conn, err error) {
	from := conn.RemoteAddr().String()
	f := logging.Fields{"from": from, "error": err}
	if m, ok := c.mismatchOf(err); ok {
		c.tellMismatch(c.came, handshake.HostOf(from), "a connection was refused: ", m, f)
		return
	}
	c.warnWithin(c.noGreeting, handshake.HostOf(from), "a connection was refused", f)
}

// ofDial logs a failed dial. It logs at warn in two cases: the program that listens at
// the address is no node of this network, or this node has had no neighbour for quietFor.
func (c *complaints) ofDial(addr string, err error, isAlone bool) {
	f := logging.Fields{"addr": addr, "error": err}
	switch {
	case c.of.Err() != nil:
	case c.ofMismatch(addr, err):
	case errors.Is(err, handshake.ErrNotSmokesignal):
		c.warnWithin(c.noNode, addr, "what listens at this address is no node of this network", f)
	case isAlone:
		c.log.About("nobody answers").Warn("nobody answers at this address, and there are no neighbours; still looking", f)
	default:
		c.log.About(addr).Debug("dial failed", f)
	}
}

// refusedLate logs that a node that had dialled this one has refused it after both
// HELLOs. The caller holds Driver.mu.
func (d *Driver) refusedLate(l *link, m *wire.Refuse) {
	if m.Code != wire.RefuseStranger {
		return // this end has also compared the network and the version, and has logged the difference
	}
	d.refusals.NotAdmitted.Add(1)
	why, _ := d.complaints.mismatchOf(handshake.ErrTurnedAway)
	d.afterwards(func() {
		d.complaints.tellMismatch(d.complaints.came, handshake.HostOf(l.addr), "a node that dialled this one has closed the link: ", why, logging.Fields{"from": l.addr})
	})
}
