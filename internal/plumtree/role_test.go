package plumtree

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/smokesignal-go/smokesignal/ident"
)

// at returns a role with the given parts. If a copy came on the link, it was the third
// copy and had 2 hops.
func at(p push, in place, s shown) role {
	r := role{push: p, place: in, shown: s}
	if r.isCrossed() {
		r.rank, r.hops = 3, 2
	}
	return r
}

// This test makes each transition from each kind of role that the transition treats
// differently.
func TestTransitionsOfARole(t *testing.T) {
	copied := func(r *role) { r.cross(3, 2) }
	settled := func(r *role) { r.settle(false) }
	settledParent := func(r *role) { r.settle(true) }
	for _, step := range []struct {
		name     string
		do       func(*role)
		from, to role
	}{
		{"startPushing", (*role).startPushing, at(lazy, stray, crossed), at(eager, stray, crossed)},
		{"startPushing", (*role).startPushing, at(pruned, stray, open), at(eager, stray, open)},
		{"startPushing", (*role).startPushing, at(lazy, branch, open), at(eager, branch, open)},
		{"stopPushing", (*role).stopPushing, at(eager, branch, exempt), at(lazy, branch, exempt)},
		{"stopPushing", (*role).stopPushing, at(lazy, stray, both), at(lazy, stray, both)},
		{"stopPushing", (*role).stopPushing, at(pruned, stray, open), at(pruned, stray, open)},
		{"prune", (*role).prune, at(eager, stray, exempt), at(pruned, stray, exempt)},
		{"prune", (*role).prune, at(lazy, stray, crossed), at(pruned, stray, crossed)},
		{"awaitCopy", (*role).awaitCopy, at(eager, branch, exempt), at(eager, branch, open)},
		{"awaitCopy", (*role).awaitCopy, at(lazy, stray, both), at(lazy, stray, open)},
		{"awaitCopy", (*role).awaitCopy, at(pruned, stray, crossed), at(lazy, stray, open)},
		{"cross", copied, at(eager, branch, open), at(eager, branch, crossed)},
		{"cross", copied, at(eager, stray, exempt), at(eager, stray, both)},
		{"settle", settled, at(eager, stray, open), at(eager, branch, open)},
		{"settle", settled, at(lazy, stray, open), at(lazy, branch, open)},
		{"settle", settled, at(eager, branch, crossed), at(eager, stray, crossed)},
		{"settle", settled, at(eager, branch, both), at(eager, stray, both)},
		{"settle", settled, at(eager, branch, exempt), at(eager, branch, exempt)},
		{"settle", settled, at(eager, stray, exempt), at(eager, stray, exempt)},
		{"settle as parent", settledParent, at(eager, stray, open), at(eager, branch, open)},
		{"settle as parent", settledParent, at(eager, stray, exempt), at(eager, branch, exempt)},
		{"leaveTree", (*role).leaveTree, at(lazy, branch, open), at(lazy, stray, open)},
		{"makeParent", (*role).makeParent, at(lazy, stray, crossed), at(lazy, branch, open)},
		{"makeParent", (*role).makeParent, at(eager, stray, both), at(eager, branch, exempt)},
		{"makeParent", (*role).makeParent, at(eager, stray, exempt), at(eager, branch, exempt)},
		{"makeParent", (*role).makeParent, at(lazy, stray, open), at(lazy, branch, open)},
		{"makeChild", (*role).makeChild, at(eager, stray, exempt), at(eager, branch, open)},
		{"makeChild", (*role).makeChild, at(eager, stray, crossed), at(eager, branch, open)},
		{"exemptFromPulse", (*role).exemptFromPulse, at(eager, branch, crossed), at(eager, branch, exempt)},
		{"exemptFromPulse", (*role).exemptFromPulse, at(eager, stray, both), at(eager, stray, exempt)},
	} {
		r := step.from
		if step.do(&r); r != step.to {
			t.Errorf("%s: %+v becomes %+v, want %+v", step.name, step.from, r, step.to)
		}
	}
	if r := newRole(); r != at(eager, stray, exempt) {
		t.Errorf("a new link has role %+v", r)
	}
}

func TestQuestionsAboutARole(t *testing.T) {
	for _, place := range []place{stray, branch} {
		for _, push := range []push{lazy, eager, pruned} {
			for _, shown := range []shown{open, exempt, crossed, both} {
				r := at(push, place, shown)
				if r.isEager() != (push == eager) || r.isInTree() != (place == branch) ||
					r.isCrossed() != (shown == crossed || shown == both) || r.isExempt() != (shown == exempt || shown == both) ||
					r.canPrune() != (place == stray && push != pruned) {
					t.Errorf("%+v: eager %v, in tree %v, crossed %v, exempt %v, can prune %v", r, r.isEager(), r.isInTree(), r.isCrossed(), r.isExempt(), r.canPrune())
				}
				isUnneeded := r.isCrossed()
				if r.settle(false) != isUnneeded {
					t.Errorf("%+v: settle is wrong about whether the tree needs it", at(push, place, shown))
				}
			}
		}
	}
}

// Copies of a pulse may come on one link any number of times.
func TestRankOfALinkDoesNotOverflow(t *testing.T) {
	r := newRole()
	r.cross(1<<20, 2)
	if r.rank != 1<<16-1 {
		t.Errorf("rank %d", r.rank)
	}
}

// standing is a role without the details of the copy, together with the state of the
// pulse.
type standing struct {
	push
	place
	shown
	isSettling bool // a pulse came, and links do not have their places in the tree yet
	isParent   bool
}

func (b *bench) standing(l *link) standing {
	r := l.role
	return standing{r.push, r.place, r.shown, b.pulse.isSettling(), l.id == b.pulse.parent}
}

// canOccur returns false for the combinations that do not occur.
func (s standing) canOccur() bool {
	isCrossed, isExempt := s.shown >= crossed, s.shown == exempt || s.shown == both
	switch {
	case s.push == pruned && s.isSettling:
		return false // a pulse begins without pruned links, and no PRUNE is sent before it settles
	case s.push == pruned && s.place == branch && s.shown != open:
		return false // only strays are pruned; a GRAFT may then make the peer a child
	case s.place == branch && isExempt && s.push != eager:
		return false // a link becomes exempt when it becomes eager, and each transition that makes it lazy makes it stray
	case s.place == branch && isCrossed && !s.isSettling:
		return false // a copy makes the link stray: when places are assigned, or at once if it comes after that
	case s.isParent && (s.push != eager || isCrossed):
		return false // a node asks its parent to push, and copies from the parent show nothing
	case s.isParent && s.place == stray && !s.isSettling:
		return false // the parent's link becomes a branch: when places are assigned, or at once if they are assigned already
	}
	return true
}

// wantPossibleRoles fails if a link has a role that can't occur.
func (b *bench) wantPossibleRoles() {
	b.t.Helper()
	for i := range b.links {
		l := &b.links[i]
		if s := b.standing(l); !s.canOccur() {
			b.t.Fatalf("at %v: link %d has a role that can't occur: %+v", b.now.Sub(birth), l.id, s)
		}
		if l.role.isCrossed() != (l.role.rank > 0) {
			b.t.Fatalf("at %v: link %d: %+v", b.now.Sub(birth), l.id, l.role)
		}
	}
}

// walk makes n random calls to a node with up to 5 links, and calls check after each.
func (b *bench) walk(rng *rand.Rand, n int, check func()) {
	count := uint64(1)
	for range n {
		l := ident.Link(1 + rng.IntN(5))
		some := Range{origin(byte(rng.IntN(3))), uint64(1 + rng.IntN(20)), uint64(20 + rng.IntN(20))}
		switch rng.IntN(10) {
		case 0:
			if b.links.find(l) == nil {
				b.LinkUp(b.now, l, peerOn(l), b)
			}
		case 1:
			if rng.IntN(4) == 0 {
				b.LinkDown(b.now, l, b)
			}
		case 2:
			b.pass(time.Duration(rng.Int64N(int64(300 * time.Millisecond))))
		case 3:
			b.Emit(b.now, []byte("\x01a"), b)
		case 4:
			b.get(l, &IHave{[]Range{some}, rng.IntN(2) == 0})
		case 5:
			b.get(l, &Graft{Eager: rng.IntN(8) > 0, Parent: rng.IntN(4) == 0})
		case 6:
			b.get(l, &Prune{})
		case 7, 8:
			if rng.IntN(4) == 0 {
				count++
			}
			b.get(l, &Pulse{Root: origin(byte(rng.IntN(3))), Rank: uint8(rng.IntN(10)), Hops: uint8(1 + rng.IntN(4)), Count: count})
		default:
			b.gossip(l, origin(byte(1+rng.IntN(2))), uint64(1+rng.IntN(40)))
		}
		check()
		b.delivered, b.sent, b.gaps, b.ready = nil, nil, nil, nil
	}
}

// Whatever frames arrive, only combinations that canOccur accepts occur. Each accepted
// combination does occur.
func TestRolesThatOccur(t *testing.T) {
	seen := make(map[standing]int)
	for seed := range uint64(600) {
		b := newBench(t, Config{})
		b.walk(rand.New(rand.NewPCG(seed, 1)), 300, func() {
			b.wantPossibleRoles()
			for i := range b.links {
				seen[b.standing(&b.links[i])]++
			}
		})
	}
	for n := range 3 * 2 * 4 * 2 * 2 {
		s := standing{push(n % 3), place(n / 3 % 2), shown(n / 6 % 4), n/24%2 > 0, n/48 > 0}
		if s.canOccur() && seen[s] == 0 {
			t.Errorf("did not occur: %+v", s)
		}
	}
	t.Logf("%d of 96 combinations occurred", len(seen))
}
