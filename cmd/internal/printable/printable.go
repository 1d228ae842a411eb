// Package printable makes other programs' words fit to be printed: names, errors
// and reasons come from files, peers and people, and must neither break a line or
// a table nor speak to a terminal.
//
//	"edge\x1b[31m-1\n"  ── Text ─▶  "edge [31m-1 "
//	                    ── Line ─▶  "edge [31m-1"
//
// The package is not for quoting (strconv) nor for markup (html/template).
package printable

import (
	"strings"
	"unicode"
)

// Text puts a space in the place of each character that is not printed as itself:
// line feeds, terminal escapes, marks that reverse the direction of writing, and
// spaces other than the plain one. A byte that is no UTF-8 becomes U+FFFD. Nothing
// is left out, so that the rest stays where it was.
func Text(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Line is Text with nothing but single spaces between words and none around them.
func Line(s string) string { return strings.Join(strings.Fields(Text(s)), " ") }
