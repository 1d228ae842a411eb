package policy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configurations are the files in testdata, each with what "balance leastconn"
// makes of its backend ws.
var configurations = []struct {
	name, before string
	want         []Change
	// backend is ws unless it is given.
	backend string
	// variable says that HAProxy's variables choose the name or the algorithm.
	variable bool
	// old says that HAProxy refuses it from 3.3 on.
	old bool
}{
	{name: "plain", before: "roundrobin", want: []Change{{17, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "comment-on-line", before: "roundrobin", want: []Change{{12, false, "\tbalance   roundrobin   # chosen in 2019, \"do not touch\"", "\tbalance   leastconn   # chosen in 2019, \"do not touch\""}}},
	{name: "comment-joined", before: "roundrobin", want: []Change{{12, false, "    balance roundrobin#joined", "    balance leastconn#joined"}}},
	{name: "crlf", before: "roundrobin", want: []Change{{12, false, "\tbalance\troundrobin\t\r", "\tbalance\tleastconn\t\r"}}},
	{name: "crlf-inherited", before: "roundrobin", want: []Change{{12, true, "", "    balance leastconn"}}},
	{name: "mixed-ends", before: "roundrobin", want: []Change{{11, false, "  balance roundrobin \r", "  balance leastconn \r"}}},
	{name: "odd-spacing", before: "roundrobin", want: []Change{{14, false, " \t  balance\t  \troundrobin\t ", " \t  balance\t  \tleastconn\t "}}},
	{name: "unindented", want: []Change{{9, true, "", "balance leastconn"}}},
	{name: "tabs-inherited", before: "roundrobin", want: []Change{{12, true, "", "\tbalance leastconn"}}},
	{name: "quotes", before: "roundrobin", want: []Change{{12, false, "    'balance' \"round\"robin", "    'balance' leastconn"}}},
	{name: "escapes", before: "roundrobin", want: []Change{{12, false, `    b\x61lance roundrobin`, `    b\x61lance leastconn`}}},
	{name: "arguments", before: "url_param", want: []Change{{12, false, "    balance url_param userid check_post 64   # was sticky", "    balance leastconn   # was sticky"}}},
	{name: "uri-arguments", before: "uri", want: []Change{{12, false, "    balance uri whole depth 3", "    balance leastconn"}}},
	{name: "keyword-alone", before: "balance without an algorithm", want: []Change{{12, false, "    balance", "    balance leastconn"}}},
	{name: "random-draws", before: "random(5)", want: []Change{{12, false, "    balance random(5)", "    balance leastconn"}}},
	{name: "random-plain", before: "random(2)", want: []Change{{12, false, "    balance random", "    balance leastconn"}}},
	{name: "duplicates", before: "roundrobin", want: []Change{{16, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "nothing-set", want: []Change{{11, true, "", "    balance leastconn"}}},
	{name: "inherited", before: "roundrobin", want: []Change{{16, true, "", "    balance leastconn"}}},
	{name: "inherited-already", before: "leastconn"},
	{name: "last-defaults", before: "roundrobin", want: []Change{{19, true, "", "    balance leastconn"}}},
	{name: "named-defaults", before: "source", want: []Change{{25, true, "", "    balance leastconn"}}},
	{name: "unnamed-from", before: "source", want: []Change{{15, true, "", "    balance leastconn"}}},
	{name: "default-server", before: "roundrobin", want: []Change{{14, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "listen", before: "roundrobin", want: []Change{{13, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "frontend-same-name", old: true, before: "roundrobin", want: []Change{{16, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "if-else", before: "random(2), leastconn, roundrobin", want: []Change{
		{13, false, "    balance random(2)", "    balance leastconn"},
		{17, false, "        balance roundrobin # old", "        balance leastconn # old"},
	}},
	{name: "if-only", before: "source, roundrobin", want: []Change{
		{12, true, "", "    balance leastconn"},
		{14, false, "    balance roundrobin", "    balance leastconn"},
	}},
	{name: "if-servers", before: "roundrobin", want: []Change{{12, false, "    balance roundrobin", "    balance leastconn"}}},
	{name: "if-headers", before: "source, roundrobin", want: []Change{
		{14, false, "    balance source", "    balance leastconn"},
		{17, false, "    balance roundrobin", "    balance leastconn"},
	}},
	{name: "if-defaults", before: "leastconn, roundrobin", want: []Change{{21, true, "", "    balance leastconn"}}},
	{name: "environment", before: "the value of ${HOW}", backend: "${NAME}", variable: true, want: []Change{{14, false, `    balance "${HOW}"`, "    balance leastconn"}}},
	{name: "misleading", before: "roundrobin", want: []Change{{20, false, "    balance roundrobin # balance leastconn", "    balance leastconn # balance leastconn"}}},
	{name: "followed", want: []Change{{11, true, "", "    balance leastconn"}}},
}

func configuration(t testing.TB, name string) File {
	t.Helper()
	path := filepath.Join("testdata", name+".cfg")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return File{Name: path, Text: text}
}

func edit(t testing.TB, algorithm, backend string, files ...File) Edited {
	t.Helper()
	e, err := Edit(files, backend, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEditChangesTheLineAndNothingElse(t *testing.T) {
	listed := map[string]bool{}
	for _, test := range configurations {
		listed[test.name+".cfg"] = true
		t.Run(test.name, func(t *testing.T) {
			f := configuration(t, test.name)
			backend := test.backend
			if backend == "" {
				backend = "ws"
			}
			e := edit(t, "leastconn", backend, f)
			if diff := cmp.Diff(test.want, e.Changes); diff != "" {
				t.Errorf("changes (-want +got)\n%s", diff)
			}
			if e.Before != test.before || e.After != "leastconn" {
				t.Errorf("from %q to %q, want from %q", e.Before, e.After, test.before)
			}
			if bad := changedElsewhere(f.Text, e); bad != 0 {
				t.Errorf("%d bytes changed outside of the line:\n%s", bad, cmp.Diff(string(f.Text), string(e.Text)))
			}
			if again := edit(t, "leastconn", backend, File{f.Name, e.Text}); len(again.Changes) > 0 || again.Before != "leastconn" {
				t.Errorf("once more changes %+v, from %q", again.Changes, again.Before)
			}
		})
	}
	names, err := filepath.Glob("testdata/*.cfg")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !listed[filepath.Base(name)] {
			t.Errorf("%s is in no test", name)
		}
	}
}

// changedElsewhere counts bytes that differ outside of the changed lines, found
// without what the editor knows: line by line from the changes alone.
func changedElsewhere(before []byte, e Edited) int {
	was, is := bytes.SplitAfter(before, []byte{'\n'}), bytes.SplitAfter(e.Text, []byte{'\n'})
	changes := e.Changes
	differ := 0
	take := func() []byte {
		if len(is) == 0 {
			return nil
		}
		l := is[0]
		is = is[1:]
		return l
	}
	for i, l := range was {
		var c *Change
		if len(changes) > 0 && changes[0].Line == i+1 {
			c, changes = &changes[0], changes[1:]
		}
		got := take()
		if c != nil && !c.Added {
			// The keyword and what is in front of it, and the comment, stay.
			if string(bytes.TrimSuffix(got, []byte{'\n'})) != c.New || bytes.HasSuffix(l, []byte{'\n'}) != bytes.HasSuffix(got, []byte{'\n'}) {
				differ += len(l)
			}
			continue
		}
		if c != nil && c.Added {
			if !bytes.HasSuffix(l, []byte{'\n'}) { // it got an end for the line that follows
				got = bytes.TrimSuffix(bytes.TrimSuffix(got, []byte{'\n'}), []byte{'\r'})
				l = bytes.TrimSuffix(l, []byte{'\r'})
			}
			if strings.TrimRight(string(take()), "\r\n") != c.New {
				differ += len(c.New)
			}
		}
		if !bytes.Equal(l, got) {
			differ += max(len(l), len(got))
		}
	}
	for _, l := range is {
		differ += len(l)
	}
	return differ
}

func TestEditKnowsEveryAlgorithm(t *testing.T) {
	for _, test := range []struct {
		file, algorithm, want string
	}{
		{"plain", "roundrobin", ""},
		{"plain", "random(2)", "    balance random(2)"},
		{"plain", "random", "    balance random"},
		{"random-plain", "random(2)", ""},
		{"random-plain", "random", ""},
		{"random-draws", "random(2)", "    balance random(2)"},
		{"keyword-alone", "roundrobin", "    balance roundrobin"},
		// What HAProxy takes when nothing is said depends on its version.
		{"nothing-set", "roundrobin", "    balance roundrobin"},
		{"inherited", "roundrobin", ""},
	} {
		t.Run(test.file+" "+test.algorithm, func(t *testing.T) {
			e := edit(t, test.algorithm, "ws", configuration(t, test.file))
			got := ""
			if len(e.Changes) > 0 {
				got = e.Changes[0].New
			}
			if got != test.want {
				t.Errorf("line %q, want %q", got, test.want)
			}
		})
	}
}

func TestEditWithoutFinalNewline(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"defaults\n  mode http\nbackend ws\n  balance roundrobin", "defaults\n  mode http\nbackend ws\n  balance leastconn"},
		{"defaults\r\n\tmode http\r\nbackend ws", "defaults\r\n\tmode http\r\nbackend ws\r\n\tbalance leastconn"},
		{"backend ws", "backend ws\n    balance leastconn"},
		{"backend ws # x\n  balance", "backend ws # x\n  balance leastconn"},
	} {
		e := edit(t, "leastconn", "ws", File{"f", []byte(test.text)})
		if got := string(e.Text); got != test.want {
			t.Errorf("%q became %q, want %q", test.text, got, test.want)
		}
		if !strings.Contains(e.Diff, "\\ No newline at end of file") {
			t.Errorf("diff of %q:\n%s", test.text, e.Diff)
		}
	}
}

func TestEditOfSeveralFiles(t *testing.T) {
	defaults := File{"00.cfg", []byte("defaults\n  balance roundrobin\n")}
	ws := File{"10.cfg", []byte("backend ws\n  server s1 127.0.0.1:1\n")}
	// A file begins outside of any section.
	stray := File{"20.cfg", []byte("  balance source\nbackend other\n  balance source\n")}
	e := edit(t, "leastconn", "ws", defaults, ws, stray)
	if want := "backend ws\n  balance leastconn\n  server s1 127.0.0.1:1\n"; e.File != 1 || string(e.Text) != want || e.Before != "roundrobin" {
		t.Errorf("file %d from %q: %q", e.File, e.Before, e.Text)
	}
	if e := edit(t, "roundrobin", "ws", defaults, ws, stray); len(e.Changes) > 0 {
		t.Errorf("inherited from another file, but changed: %+v", e.Changes)
	}
}

func TestEditRefuses(t *testing.T) {
	many := "backend ws\n" + strings.Repeat(".if defined(A)\n  balance source\n.elif defined(B)\n  balance first\n.endif\n", 3)
	for name, test := range map[string]struct{ text, backend, algorithm, says string }{
		"algorithm":           {"backend ws\n", "ws", "leastcon", "expected one of leastconn, random, random(2), roundrobin"},
		"unknown backend":     {"backend zz\nbackend websocket\nlisten ws1\nfrontend ws\n", "ws", "leastconn", `no such backend: "ws"; there are ws1, zz, websocket`},
		"no backends":         {"global\n", "ws", "leastconn", "no backends at all"},
		"else without if":     {"backend ws\n.else\n", "ws", "leastconn", "f:2: .else without .if"},
		"endif without if":    {"backend ws\n.endif\n", "ws", "leastconn", "f:2: .endif without .if"},
		"if without endif":    {"backend ws\n.if true\n", "ws", "leastconn", "f:2: .if without .endif"},
		"variable keyword":    {"backend ws\n \"$LINE\" leastconn\n", "ws", "leastconn", "f:2: what this line of backend ws does depends on a variable"},
		"two sections' line":  {".if true\nbackend ws\n.else\nbackend b\n.endif\n  balance source\n", "ws", "leastconn", "f:6: a conditional around the headers makes this line set the algorithm of backend b, too (f:4)"},
		"a defaults' line":    {".if true\nbackend ws\n.else\ndefaults\n.endif\n  balance source\n", "ws", "leastconn", "algorithm of defaults, too (f:4)"},
		"too many conditions": {"defaults d1\n" + strings.Repeat("defaults\n.if true\n balance source\n.elif false\n balance first\n.endif\n", 12) + many, "ws", "leastconn", "ways through the conditionals"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Edit([]File{{"f", []byte(test.text)}}, test.backend, test.algorithm)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
		})
	}
	if _, err := Edit([]File{{"f", []byte("backend a\n")}}, "ws", "leastconn"); !errors.Is(err, ErrNoBackend) {
		t.Errorf("error %v", err)
	}
	twice := []File{{"a", []byte("backend ws\n")}, {"b", []byte("backend ws\n")}}
	if _, err := Edit(twice, "ws", "leastconn"); err == nil || !strings.Contains(err.Error(), "several files (a:1, b:1)") {
		t.Errorf("error %v", err)
	}
}

func TestDiffIsWhatPatchTakes(t *testing.T) {
	e := edit(t, "leastconn", "ws", configuration(t, "if-only"))
	want := `--- testdata/if-only.cfg
+++ testdata/if-only.cfg
@@ -9,9 +9,10 @@
     timeout server 5s
     balance source
 
 backend ws
+    balance leastconn
 .if defined(TRIMTAB_NOT_SET)
-    balance roundrobin
+    balance leastconn
 .endif
     server s1 127.0.0.1:1 weight 100
     server s2 127.0.0.1:1 weight 50
`
	if diff := cmp.Diff(want, e.Diff); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
