package smoke

import "github.com/smokesignal-go/smokesignal/peerlist"

// farewell is why a neighbour went: the reason, and who gave it.
type farewell struct {
	why  peerlist.Reason
	told bool // the peer said so; else this node found it, or decided it
}

// Gone says in words why the peer went, such as "it left" or "nothing was heard of it
// for too long", and is empty while it is a neighbour. The words are for people, and may
// become others.
//
// Most goodbyes are nothing to worry about: links are swapped now and then so that the
// network stays mixed, and full nodes make room for those who have no neighbour.
func (p *Peer) Gone() string {
	if f := p.gone.Load(); f != nil {
		return f.String()
	}
	return ""
}

func (p *Peer) isGone() bool { return p.gone.Load() != nil }

// String gives the farewell in words, in which "it" is the peer.
func (f *farewell) String() string {
	ours, theirs := f.words()
	if f.told {
		return theirs
	}
	return ours
}

// words are for a reason that this node has, and for one that the peer tells.
func (f *farewell) words() (ours, theirs string) {
	switch f.why {
	case peerlist.ReasonNone:
		return "the connection ended", "it hung up"
	case peerlist.ReasonSilent:
		return "nothing was heard of it for too long", "it heard nothing of this node for too long"
	case peerlist.ReasonLeave:
		return "this node stops", "it left"
	case peerlist.ReasonMakeRoom:
		return "this node made room for another one", "it made room for another one"
	case peerlist.ReasonRotate:
		return "this node swapped it for another one", "it swapped this node for another one"
	case peerlist.ReasonRemoved:
		return "this program let it go", "its program let this node go"
	case peerlist.ReasonProtocol:
		return "it broke the protocol", "it says that this node broke the protocol"
	case peerlist.ReasonTwin:
		return "another node has its id", "another node with the id of this one took its place"
	}
	text := f.why.String()
	return text, "it says: " + text
}
