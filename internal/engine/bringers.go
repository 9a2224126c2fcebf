package engine

import "github.com/smokesignal-go/smokesignal/ident"

// bringers knows which neighbour is, or was, at the end of a link that has brought
// events. driver.mu guards it.
type bringers struct {
	link   ident.Link // the last one that was asked for, which most often is the next one too
	id     *ident.ID
	former [64]struct { // links that are gone: an event may wait for those before it
		link ident.Link
		id   *ident.ID
	}
	next int // of former, to be overwritten
}

// bringer returns the id of the neighbour that a link leads to, nil where that is not
// known any more. The caller holds mu.
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

// left notes that a link is gone.
func (b *bringers) left(l *link) {
	if l.peer == nil {
		return
	}
	b.former[b.next].link, b.former[b.next].id = l.id, &l.peer.id
	b.next = (b.next + 1) % len(b.former)
}
