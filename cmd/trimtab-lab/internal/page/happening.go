package page

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// mostHappenings is how many lines a chart bears. A scenario with more is one in
// which something happens all the time.
const mostHappenings = 60

// happenings are what a reader should know when looking at a chart.
func happenings(f scenario.File) []happening {
	var out []happening
	add := func(at time.Duration, text string) { out = append(out, happening{at.Seconds(), text}) }
	for _, b := range f.Backends {
		if b.JoinsAt > 0 {
			add(b.JoinsAt, b.Name+" joins")
		}
		if b.LeavesAt > 0 {
			add(b.LeavesAt, b.Name+" leaves")
		}
	}
	for _, e := range f.Expand().Events {
		add(e.At, e.Backend+": "+strings.Join(changed(e), ", "))
	}
	for _, t := range f.Traffic {
		if w := t.WebSockets; w != nil && w.ConnectAt > 0 {
			add(w.ConnectAt, fmt.Sprintf("%d more clients", w.Clients))
		}
		if t.Requests == nil || t.Requests.Ramp {
			continue
		}
		for _, p := range t.Requests.Profile {
			if p.At > 0 {
				add(p.At, "load changes")
			}
		}
	}
	slices.SortStableFunc(out, func(a, b happening) int { return cmp.Compare(a.At, b.At) })
	return out[:min(len(out), mostHappenings)]
}

// changed names what an event changes, as the file does.
func changed(e scenario.Event) []string {
	var out []string
	if e.Restart != nil {
		out = append(out, "restart")
	}
	if e.Cold != nil {
		out = append(out, "cold")
	}
	change := reflect.ValueOf(e.Change)
	for i := range change.NumField() {
		if !change.Field(i).IsNil() {
			name, _, _ := strings.Cut(change.Type().Field(i).Tag.Get("yaml"), ",")
			out = append(out, name)
		}
	}
	return out
}
