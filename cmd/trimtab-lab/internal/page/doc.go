// Package page writes one self-contained HTML page of what was judged: all
// regrets at a glance and in a table, what is asked beside what was reached, and
// for some scenarios every backend over time, policies side by side.
//
//	[]judgement.Entry ──┬─▶ strip (SVG), table, figures ─┐
//	simulate.Series ────┴─▶ pack: fewer points, two      ├─▶ page.html
//	                        characters for each ─▶ uPlot ┘
//
// The page loads nothing: uPlot and its styles are in it. Without scripts the
// table and the figures are still there. The package judges nothing.
package page
