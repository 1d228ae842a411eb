package web

import (
	"html"
	"io"
	"net/http"
	"strings"
)

const indexPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>trimtab</title></head>
<body><h1>trimtab VERSION</h1>
<ul>
<li><a href="/api/v1/status">/api/v1/status</a>: the state of all pools, JSON</li>
<li><a href="/api/v1/events?follow=0">/api/v1/events</a>: what happened, server-sent events</li>
<li>POST /api/v1/pools/POOL/pin, unpin, freeze, unfreeze, dry-run, drain, undrain: orders, JSON</li>
<li>/api/v1/pools/POOL/observation: what was seen of a pool over the last minutes, JSON</li>
<li>/api/v1/pools/POOL/record?for=60s: what a pool is told and decides, JSON lines</li>
<li><a href="/metrics">/metrics</a>: Prometheus metrics</li>
<li><a href="/healthz">/healthz</a>: is it alive</li>
<li><a href="/readyz">/readyz</a>: does it steer, and if not, why</li>
<li>POST /-/reload: read the configuration again</li>
<li><a href="/debug/pprof/">/debug/pprof/</a>: profiles</li>
</ul></body></html>
`

func (s *server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	_, _ = io.WriteString(w, strings.Replace(indexPage, "VERSION", html.EscapeString(s.Version), 1))
}
