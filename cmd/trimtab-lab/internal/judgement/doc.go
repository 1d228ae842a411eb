// Package judgement puts what was measured of policies into words that people
// read: a table of scenarios by policies for terminals, one for a README, and
// the figures that are asked of trimtab beside those that it reached.
//
//	files, summaries ──▶ []Entry ─┬─Table────▶ terminal
//	                              ├─Markdown─▶ README, between its markers
//	                              └─Figures──▶ asked │ measured │ worst scenario
//
// It measures nothing. The page with charts is made by package page.
package judgement
