package wire

import "github.com/smokesignal-go/smokesignal/internal/census"

func (w *writer) census(m census.Message) {
	switch m := m.(type) {
	case *census.Count:
		w.kind(KindCount)
		w.uint64(m.Query)
		w.knownID("origin", m.Origin)
		w.age(m.Wait)
	case *census.CountReply:
		w.kind(KindCountReply)
		w.uint64(m.Query)
		w.knownID("origin", m.Origin)
		w.flags(m.Partial)
		w.uvarint(min(m.Nodes, MaxNodes))
	default:
		w.fail("type", "is not one of census", ErrUnknownMessage)
	}
}

func (r *reader) census(kind Kind) any {
	switch kind {
	case KindCount:
		return &census.Count{Query: r.uint64("query"), Origin: r.knownID("origin"), Wait: r.age("wait")}
	case KindCountReply:
		return &census.CountReply{
			Query: r.uint64("query"), Origin: r.knownID("origin"), Partial: r.flag("flags"), Nodes: min(r.uvarint("nodes"), MaxNodes),
		}
	}
	return nil
}
