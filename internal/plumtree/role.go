package plumtree

// role is the state of a link in the tree. It has three parts. Only the transitions below
// change them. Each transition stands for one event in the life of the link.
//
//	push    eager    this node pushes events on the link
//	        lazy     it announces them
//	        pruned   it announces them, and has sent PRUNE since it last pushed
//
//	place   stray    not in the tree, or not known yet
//	        branch   in the tree: the path to the root, or from it to a child
//
//	shown   open     no copy of the last pulse came on the link
//	        exempt   the pulse shows nothing: the link came up since, or one end asked
//	                 the other to push
//	        crossed  a copy came, so neither end is the other's parent
//	        both     exempt, and then a copy came: an exempt link may carry it late
//
// The transitions, with the parts that each changes:
//
//	                  push                     place              shown
//	LinkUp            eager                    stray              exempt
//	startPushing      lazy, pruned -> eager
//	stopPushing       eager -> lazy
//	prune             eager, lazy -> pruned    only if stray
//	awaitCopy         pruned -> lazy                              open
//	cross                                                         open -> crossed, exempt -> both
//	settle                                     crossed, both -> stray,
//	                                           open -> branch, exempt: unchanged
//	leaveTree                                  stray
//	makeParent                                 branch             crossed -> open, both -> exempt
//	makeChild                                  branch             open
//	exemptFromPulse                                               exempt
//
// A pulse begins with awaitCopy on each link, and settle ends it. Until then, the link
// keeps the place that the previous pulse gave it. Which link leads to the root is not a
// part of the role, since there is at most one: pulse.parent. role_test.go lists the
// combinations that do not occur.
type role struct {
	push  push
	place place
	shown shown
	hops  uint8  // hop count of the copy, if one came
	rank  uint16 // order in which the copy came among all links, from 1; 0: no copy came on this link
}

type push uint8

const (
	lazy push = iota
	eager
	pruned
)

type place uint8

const (
	stray place = iota
	branch
)

type shown uint8

const (
	open shown = iota
	exempt
	crossed
	both
)

// newRole returns the role of a link that has just come up.
func newRole() role { return role{push: eager, place: stray, shown: exempt} }

// isEager reports whether this node pushes events on the link.
func (r *role) isEager() bool { return r.push == eager }

// isInTree reports whether the link belongs to the tree, by the last roles assigned.
func (r *role) isInTree() bool { return r.place == branch }

// isCrossed reports whether a copy of the last pulse came on the link.
func (r *role) isCrossed() bool { return r.shown >= crossed }

// isExempt reports whether the last pulse shows nothing about the link, even if a copy
// came late.
func (r *role) isExempt() bool { return r.shown == exempt || r.shown == both }

// canPrune reports whether PRUNE is to be sent: the link is not in the tree, and none
// was sent since this node last pushed.
func (r *role) canPrune() bool { return r.place == stray && r.push != pruned }

// startPushing makes the link eager.
func (r *role) startPushing() { r.push = eager }

// stopPushing makes an eager link lazy.
func (r *role) stopPushing() {
	if r.push == eager {
		r.push = lazy
	}
}

// prune makes the link lazy, with a PRUNE to the peer. canPrune must be true.
func (r *role) prune() { r.push = pruned }

// awaitCopy prepares the role for a new pulse, of which no copy has come yet.
func (r *role) awaitCopy() {
	if r.push == pruned {
		r.push = lazy
	}
	r.show(open)
}

// cross records that a copy of the pulse came, with that many hops, as the rank-th on
// all links.
func (r *role) cross(rank int, hops uint8) {
	switch r.shown {
	case open:
		r.shown = crossed
	case exempt:
		r.shown = both
	}
	r.rank, r.hops = uint16(min(rank, 1<<16-1)), hops
}

// settle assigns the place that the pulse shows. isParent is set if the link leads to the
// root. settle reports whether the tree does not need the link.
func (r *role) settle(isParent bool) (isUnneeded bool) {
	switch {
	case isParent:
		r.place = branch
	case r.isCrossed():
		r.place = stray
		return true
	case r.shown == open:
		r.place = branch
	}
	return false
}

// leaveTree takes the link out of the tree.
func (r *role) leaveTree() { r.place = stray }

// makeParent makes the link the path to the root.
func (r *role) makeParent() {
	r.place = branch
	if r.isExempt() {
		r.show(exempt)
	} else {
		r.show(open)
	}
}

// makeChild makes the link the peer's path to the root.
func (r *role) makeChild() {
	r.place = branch
	r.show(open)
}

// exemptFromPulse keeps the link as it is, although a copy of the last pulse may have
// come on it.
func (r *role) exemptFromPulse() { r.show(exempt) }

// show sets the part shown of a role on whose link no copy has come, and clears the
// details of a copy.
func (r *role) show(s shown) { r.shown, r.rank, r.hops = s, 0, 0 }
