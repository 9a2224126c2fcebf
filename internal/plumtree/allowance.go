package plumtree

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/smokesignal-go/smokesignal/ident"
)

// Source names the peer at the other end of a link, for the bounds on what it may pull.
type Source struct {
	ID    ident.ID
	Group uint16 // stands for the network address of the peer; equal for all peers that may be on one host
}

// The bytes that a peer pulls are limited: otherwise a few bytes that request everything
// again and again would keep a node sending. The unit is one history, which is
// HistoryBytes long. The bytes that a peer has pulled count for its id and for its group.
// They still count after its link ends, so a new link brings no new allowance. An
// attacker can create ids without limit, so the sum of all peers is bounded too.
const (
	// One id may pull this many histories at once, and after that one more per allowedIn.
	// A node that was away needs one history.
	allowedAtOnce = 2
	allowedIn     = 8 * time.Second
	// A group may pull as much as this many ids. A guess: the nodes of a site that was
	// cut off return together.
	idsPerGroup = 4
	// The debt of all peers together shrinks as fast as that of this many ids, which is
	// two histories per second. At once, all peers together may pull half of what this
	// many ids may pull. A guess: sixteen nodes that were away return.
	idsInAll = 16
	// maxAccounts bounds the accounts of peers that have no link any more.
	maxAccounts = 256
)

// account counts the bytes that a peer, or a set of peers, has pulled. The count falls as
// time passes.
type account struct {
	peer  Source // the ID or the Group is zero
	ids   int    // how many ids the account stands for: its limit, and the rate at which its debt falls, are ids times those of one id
	owed  int    // bytes pulled and not paid off by the time in at
	at    time.Time
	links int // how many links use the account

	newcomers *rate.Limiter // limits the new origins that the id brings in; not used for a group
}

// settle reduces the debt by the allowance for the time since the last call.
func (a *account) settle(now time.Time, history int) {
	paid := float64(a.ids) * float64(history) * now.Sub(a.at).Seconds() / allowedIn.Seconds()
	a.owed -= int(min(max(paid, 0), float64(a.owed)))
	a.at = now
}

// accounts holds the accounts of all peers.
type accounts struct {
	list []*account // the accounts of links, and of peers that left while they still owed bytes
	all  account
}

// open returns the account of a peer.
func (c *accounts) open(now time.Time, peer Source, ids int) *account {
	at := slices.IndexFunc(c.list, func(a *account) bool { return a.peer == peer })
	if at < 0 {
		at = len(c.list)
		c.list = append(c.list, &account{peer: peer, ids: ids, at: now, newcomers: newNewcomers()})
	}
	c.list[at].links++
	return c.list[at]
}

// close ends the use of an account by a link. The account stays until its debt is zero.
// If too many accounts have no link, the one that owes least is dropped.
func (c *accounts) close(now time.Time, a *account, history int) {
	a.links--
	unused, least := 0, (*account)(nil)
	c.list = slices.DeleteFunc(c.list, func(x *account) bool {
		if x.links > 0 {
			return false
		}
		if x.settle(now, history); x.owed == 0 && x.newcomers.TokensAt(now) >= newcomersAtOnce {
			return true
		}
		if unused++; least == nil || x.owed < least.owed {
			least = x
		}
		return false
	})
	if unused > maxAccounts {
		c.list = slices.DeleteFunc(c.list, func(x *account) bool { return x == least })
	}
}

// openAccounts opens the accounts of a new neighbour, which include the bytes that it
// pulled on earlier links.
func (t *Tree) openAccounts(now time.Time, l *link, peer Source) {
	l.byID = t.accounts.open(now, Source{ID: peer.ID}, 1)
	l.byGroup = t.accounts.open(now, Source{Group: peer.Group}, idsPerGroup)
}

func (t *Tree) closeAccounts(now time.Time, l *link) {
	t.accounts.close(now, l.byID, t.cfg.HistoryBytes)
	t.accounts.close(now, l.byGroup, t.cfg.HistoryBytes)
}

// settle updates how much a peer may pull. If the peer may pull nothing now, it is served
// again later.
func (t *Tree) settle(now time.Time, l *link) {
	for _, a := range []*account{l.byID, l.byGroup, &t.accounts.all} {
		a.settle(now, t.cfg.HistoryBytes)
	}
	if len(l.serve) > 0 && !t.isServed(l) && t.serveAt.IsZero() {
		t.serveAt = now.Add(allowedIn / 64)
	}
}

// isServed reports whether requested events can be pushed to the peer now.
func (t *Tree) isServed(l *link) bool {
	most := allowedAtOnce * t.cfg.HistoryBytes
	return len(l.serve) > 0 && l.byID.owed < most && l.byGroup.owed < idsPerGroup*most && t.accounts.all.owed < idsInAll/2*most
}

// charge adds bytes that were sent because the peer requested them.
func (t *Tree) charge(l *link, bytes int) {
	l.byID.owed += bytes
	l.byGroup.owed += bytes
	t.accounts.all.owed += bytes
}

// serveAgain serves the peers that had pulled too much. The peers that owe least come
// first, so that peers that request again and again do not delay the others.
func (t *Tree) serveAgain(now time.Time, out Out) {
	if t.serveAt.IsZero() || now.Before(t.serveAt) {
		return
	}
	t.serveAt = time.Time{}
	var waiting []*link
	for i := range t.links {
		if l := &t.links[i]; len(l.serve) > 0 {
			if t.settle(now, l); t.isServed(l) {
				waiting = append(waiting, l)
			}
		}
	}
	slices.SortStableFunc(waiting, func(a, b *link) int { return cmp.Compare(a.byID.owed, b.byID.owed) })
	for _, l := range waiting {
		t.ready(l, out)
	}
}
