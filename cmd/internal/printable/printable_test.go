package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestPrintable(t *testing.T) {
	type both struct{ Text, Line string }
	for given, want := range map[string]both{
		"":                     {"", ""},
		"web-1":                {"web-1", "web-1"},
		"größe 東京 ✓":           {"größe 東京 ✓", "größe 東京 ✓"},
		"two  spaces":          {"two  spaces", "two spaces"},
		" a\r\n\tb ":           {" a   b ", "a b"},
		"\x1b[31mred\x1b[0m":   {" [31mred [0m", "[31mred [0m"},
		"\x9b31m\x07bell\x7f":  {"\ufffd31m bell ", "\ufffd31m bell"},
		"\u009b31m":            {" 31m", "31m"},
		"no\u00a0break":        {"no break", "no break"},
		"right\u202eto\u2066l": {"right to l", "right to l"},
		"nothing\u200bwide":    {"nothing wide", "nothing wide"},
		"\xff\xfe":             {"\ufffd\ufffd", "\ufffd\ufffd"},
		"\x00":                 {" ", ""},
	} {
		if diff := cmp.Diff(want, both{Text(given), Line(given)}); diff != "" {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"web", "a\nb", "\x1b]0;title\x07", "\xff\u202e", "  ", "é\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		text, line := Text(given), Line(given)
		for _, out := range []string{text, line} {
			if !utf8.ValidString(out) || strings.ContainsFunc(out, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q becomes %q", given, out)
			}
		}
		if utf8.RuneCountInString(text) != utf8.RuneCountInString(given) {
			t.Errorf("%q and %q differ in length", given, text)
		}
		if Text(text) != text || Line(line) != line || Line(text) != line {
			t.Errorf("%q: once more changes %q or %q", given, text, line)
		}
		if line != strings.TrimSpace(line) || strings.Contains(line, "  ") {
			t.Errorf("%q becomes %q", given, line)
		}
	})
}
