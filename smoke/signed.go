package smoke

import (
	"errors"
	"fmt"
)

func (o Options) validateSigned(p *problems) {
	if len(o.Signed) == 0 {
		return
	}
	for i, name := range o.Signed {
		if bad, ok := errors.AsType[*NameError](checkName(name)); ok {
			p.add(fmt.Sprintf("Signed[%d]", i), name, bad.Why, `write the name of an event, or smoke.AllEvents ("*")`)
		}
	}
	if o.TLS != nil {
		p.add("Signed", o.Signed, "events are signed with Key, and TLS takes its place", "leave one of the two out")
	} else if !o.handshakeOptions().IsEncrypted() {
		p.add("Signed", o.Signed, "links are not encrypted, so the node has no key to sign with", "set Key to one that you keep, or to what trust.NewKey makes")
	}
}
