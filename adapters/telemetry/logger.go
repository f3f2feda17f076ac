package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w, as JSON when format is "json", as text otherwise. level may change while
// it is in use.
func NewLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
