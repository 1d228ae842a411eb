package xdsclient

import (
	"fmt"
	"slices"
)

// Dump is what a node is served.
type Dump struct {
	Node, View string
	// Missing is what was asked for, or referred to by what came, and did not come.
	Missing []string
	// TimedOut is that there was no time to wait longer: what is missing may exist.
	TimedOut bool
	// Rejected is what the node refuses, where the server tells; never nil.
	Rejected []Rejection
	// resources are of the kinds that were asked for.
	resources []resources
}

// resources are all of one kind, by name.
type resources struct {
	kind kind
	list []named
}

type named struct {
	name string
	received
}

func (f *fetch) dump(timedOut bool) Dump {
	d := Dump{Node: f.query.Node, View: f.query.View, TimedOut: timedOut, Missing: f.missing()}
	for k := range kinds {
		if !f.query.shows(k) {
			continue
		}
		all := resources{kind: k, list: []named{}}
		for _, name := range f.names(k) {
			all.list = append(all.list, named{name, f.watches[k].resources[name]})
		}
		d.resources = append(d.resources, all)
	}
	return d
}

func (f *fetch) missing() []string {
	var out []string
	for k := range kinds {
		w := &f.watches[k]
		switch {
		case w.asked && !w.answered && k.root():
			out = append(out, fmt.Sprintf("%s (no answer)", k))
		case w.asked && f.query.Type == "" && f.query.named(k):
			// A name may be that of a cluster or of a listener.
		case w.asked:
			for _, name := range w.names {
				if w.lacks(name) {
					out = append(out, fmt.Sprintf("%s %s", k, name))
				}
			}
		}
	}
	if f.query.Type != "" {
		return out
	}
	both := []*watch{&f.watches[clusters], &f.watches[listeners]}
	for _, name := range f.query.Names {
		if !slices.ContainsFunc(both, func(w *watch) bool { return !w.answered || !w.lacks(name) }) {
			out = append(out, fmt.Sprintf("%s (neither cds nor lds)", name))
		}
	}
	return out
}
