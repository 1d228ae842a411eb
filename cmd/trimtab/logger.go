package main

import (
	"io"
	"log/slog"
)

// logFlags are shared by the commands that keep running.
type logFlags struct {
	LogLevel  slog.Level `default:"info" placeholder:"LEVEL" help:"debug, info, warn or error (default ${default})."`
	LogFormat string     `enum:"text,json" default:"text" help:"text or json (default ${default})."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: f.LogLevel}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
