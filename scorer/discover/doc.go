// Package discover finds out who is in a pool where neither the configuration nor a
// proxy says it.
//
//	DNS server ◀── SRV, A, AAAA ── DNS ──┐
//	                                     ├─▶ out: the complete list, when it changes
//	targets.json ── fsnotify, period ─▶ File
//	                                     └─▶ Status: what is wrong, how old the list is
//
// [DNS] and [File] implement tuner.Discoverer. Both keep the last good list whatever
// happens: a server that does not answer, a file that cannot be read. Neither ever
// delivers an empty list: a pool of nobody serves nobody, and a name without records
// or a file without targets is nearly always the trouble of whatever fills it.
// Status says that the list is kept, and why. A backend that is really gone fails,
// and is ejected for that.
//
// The package stands beside source and not in it: that one collects reports about
// backends that are known, this one says which there are. It is not for what proxies
// know of their backends (packages haproxy and xds).
package discover
