package cluster

import (
	"context"
	"log/slog"
)

// endOfLink is the message that a node logs when a link ends; see package smoke. Only the
// log has the reason: programs do not need it, but a measurement does.
const endOfLink = "neighbour down"

// logHandler is a node's log. It forwards warnings and reports the ends of links.
type logHandler struct {
	slog.Handler
	reports *reporter
}

// Enabled implements slog.Handler.
func (*logHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == endOfLink {
		end := Report{Is: Parted}
		record.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "peer":
				end.Node = a.Value.String()
			case "why":
				end.Text = a.Value.String()
			}
			return true
		})
		h.reports.send(end)
	}
	if !h.Handler.Enabled(ctx, record.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.Handler.WithAttrs(attrs), h.reports}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.Handler.WithGroup(name), h.reports}
}
