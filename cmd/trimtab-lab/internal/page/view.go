package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// view is what the template reads.
type view struct {
	Heading string
	// Real is that something was not simulated, Invalid why some of it does not
	// count.
	Real     bool
	Invalid  []string
	Policies []string
	Totals   []row
	Rows     []row
	Strips   []strip
	// StripsHeight is that of all of them with the scale.
	StripsHeight float64
	Ticks        []tick
	Figures      []figure
	Missed       int
	Connections  [][]string
	Heads        []string // of connections
	Charts       []section
	Data         data
	PlotStyle    template.CSS
	PlotCode     template.JS
	Style        template.CSS
	Code         template.JS
}

type figure struct{ What, Asked, Measured, Where, Verdict string }

type section struct {
	Number      int
	Name, Proxy string
	YAML        string
}

func newView(p Page) (*view, error) {
	v := &view{
		Heading: judgement.Heading(p.Entries), Policies: ownFirst(judgement.Policies(p.Entries)),
		Real: judgement.Real(p.Entries), Invalid: judgement.Invalid(p.Entries),
		Ticks:       ticks(),
		Connections: judgement.Connections(p.Entries), Heads: judgement.ConnectionsHead(),
	}
	charted := map[string]int{}
	for i, c := range p.Charts {
		charted[c.Scenario+" "+c.Proxy] = i + 1
		text, err := scenario.Marshal(c.File)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %w", c.Scenario, err)
		}
		v.Charts = append(v.Charts, section{i + 1, c.Scenario, c.Proxy, string(text)})
	}
	v.Data = pack(p.Charts)
	for _, e := range p.Entries {
		v.Rows = append(v.Rows, rowOf(e, v.Policies, charted[e.Scenario+" "+e.Proxy]))
	}
	v.Totals = totals(p.Entries, v.Policies)
	v.Strips = strips(p.Entries, v.Policies)
	v.StripsHeight = stripTop + stripHeight*float64(len(v.Strips))
	for _, f := range p.Figures {
		asked, measured, verdict := f.Texts()
		v.Figures = append(v.Figures, figure{f.What, asked, measured, f.Where, verdict})
		if !f.Met() {
			v.Missed++
		}
	}
	return v, v.load()
}

// load reads the assets.
func (v *view) load() error {
	for name, put := range map[string]func(string){
		"uPlot.iife.min.js": func(s string) { v.PlotCode = template.JS(s) },
		"uPlot.min.css":     func(s string) { v.PlotStyle = template.CSS(s) },
		"page.js":           func(s string) { v.Code = template.JS(s) },
		"page.css":          func(s string) { v.Style = template.CSS(s) },
	} {
		text, err := library(name)
		if err != nil {
			return err
		}
		put(text)
	}
	return nil
}

// ownFirst puts trimtab's policies where a narrow window still shows them.
func ownFirst(policies []string) []string {
	out := slices.Clone(policies)
	own := func(name string) int {
		if strings.HasPrefix(name, string(scenario.PolicyTrimtab)) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b string) int { return own(a) - own(b) })
	return out
}
