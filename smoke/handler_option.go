package smoke

import "github.com/smokesignal-go/smokesignal/internal/emitter"

// HandlerOption changes how one handler is registered. The functions and methods that
// register handlers take options as their last arguments: [Echo], [Queue] and [Rewind].
type HandlerOption struct {
	apply func(*settings) // nil: the option changes nothing
}

// settings are all options of one registration together.
type settings struct {
	emitter.Settings // the part that the emitter uses

	why, fix string // why the options can't be used, and what to write instead; "" if they can
}

// newSettings applies options in their order.
func newSettings(opts []HandlerOption) settings {
	var s settings
	for _, o := range opts {
		if o.apply != nil {
			o.apply(&s)
		}
	}
	return s
}

// withOnce returns the settings for one event only.
func (s settings) withOnce() settings {
	s.Once, s.Fitting = true, true
	return s
}

// fail notes why the options can't be used. Only the first reason is kept.
func (s *settings) fail(why, fix string) {
	if s.why == "" {
		s.why, s.fix = why, fix
	}
}

// check fails if an option has no meaning for l.
func (s *settings) check(l EventSource) {
	if _, ok := l.(*Peer); ok && s.Echo {
		s.fail("Echo is for broadcasts, and this handler is for events of a neighbour", "leave Echo out")
	}
}

// TryOn registers fn like the method On of l, but returns errors instead of logging them:
// a *[NameError] or a *[HandlerError]. After an error, off is nil, no handler is
// registered, and Start is not affected. fn may have each shape that [Broadcast.On]
// lists.
func TryOn(l EventSource, name string, fn any, opts ...HandlerOption) (off func(), err error) {
	return tryRegister(l, name, fn, nil, newSettings(opts))
}
