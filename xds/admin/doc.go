// Package admin reads a running Envoy over its admin interface.
//
//	Client ── GET /server_info ───▶ Version: what this Envoy can do
//	       ── GET /config_dump ───▶ Config: clusters with their policies
//	       ── GET /clusters ──────▶ Cluster: hosts, weights, what they have open
//	       ── GET /stats ─────────▶ Stats: sockets upgraded, requests turned away
//	                                   │
//	Counter ◀── two looks at hosts ────┘ ─▶ scorer.Report
//	Warnings ◀─ all of it ─▶ what would keep weights from having their effect
//
// It changes nothing: every request is a GET of a page that only shows. What comes
// back is foreign input: it is bounded, and what is not known in it is left out.
//
// It is not for steering (package xds): the admin interface sets no weights.
package admin
