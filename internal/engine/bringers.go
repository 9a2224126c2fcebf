package engine

import "github.com/smokesignal-go/smokesignal/ident"

// bringers finds the neighbour that is, or was, at the other end of a link on which events
// arrived. driver.mu guards it.
type bringers struct {
	link   ident.Link // the link of the last call, which is usually the same in the next call
	id     *ident.ID
	former [64]struct { // the latest links that have ended; events from them may still be queued
		link ident.Link
		id   *ident.ID
	}
	next int // the entry of former that is overwritten next
}

// bringer returns the id of the neighbour at the other end of a link. It returns nil if that
// is no longer known. The caller holds mu.
func (d *Driver) bringer(link ident.Link) *ident.ID {
	b := &d.bringers
	if link != b.link {
		b.link, b.id = link, b.find(link, d.links)
	}
	return b.id
}

func (b *bringers) find(link ident.Link, links map[ident.Link]*link) *ident.ID {
	if l := links[link]; l != nil && l.peer != nil {
		return &l.peer.id
	}
	for i := range b.former {
		if b.former[i].link == link {
			return b.former[i].id
		}
	}
	return nil
}

// left records that a link has ended.
func (b *bringers) left(l *link) {
	if l.peer == nil {
		return
	}
	b.former[b.next].link, b.former[b.next].id = l.id, &l.peer.id
	b.next = (b.next + 1) % len(b.former)
}
