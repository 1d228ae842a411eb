package recording

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

const (
	first = `{"trimtab_recording":1,"pool":"web","at":"2026-03-01T12:00:00Z"}` + "\n"
	plan  = `"plan":{"mode":"active","law":"static","decisions":[{"backend":"s1","weight":1,"state":"ready","why":"w"}]}}` + "\n"
)

func TestErrorsNameTheLine(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"nothing":            {"", "web.jsonl: not a recording that this version of trimtab reads: it is empty"},
		"no JSON":            {"frontend\n", "web.jsonl:1: not a recording"},
		"other JSON":         {"{}\n", `no "trimtab_recording"`},
		"another version":    {`{"trimtab_recording":2}`, "web.jsonl:1: not a recording that this version of trimtab reads: version 2, want 1"},
		"a broken line":      {first + "\n{\"at\n{}\n", "web.jsonl:3:"},
		"no time":            {first + `{"lost":1}`, `web.jsonl:2: not a recording that this version of trimtab reads: "at" is missing`},
		"nothing known":      {first + `{"at":"2026-03-01T12:00:00Z","novelty":1}`, "0 of report"},
		"two at once":        {first + `{"at":"2026-03-01T12:00:00Z","lost":1,"probed":{}}`, "2 of report"},
		"a wrong number":     {first + `{"at":"2026-03-01T12:00:00Z","report":{"cpu":"lots"}}` + "\n", "web.jsonl:2:"},
		"a wrong duration":   {first + `{"at":"2026-03-01T12:00:00Z","report":{"interval":"soon"}}` + "\n", "duration"},
		"a wrong condition":  {first + `{"at":"2026-03-01T12:00:00Z","backends":[{"condition":"ill"}]}` + "\n", "must be up, draining or down"},
		"a pin of nothing":   {first + `{"at":"2026-03-01T12:00:00Z","orders":{"pins":{"s1":{"weight":0}}}}` + "\n", "pin of s1 to 0"},
		"time going back":    {first + `{"at":"2026-03-01T12:00:01Z",` + plan + `{"at":"2026-03-01T12:00:00Z",` + plan, "web.jsonl:3: not a recording that this version of trimtab reads: time goes back"},
		"more after the end": {first + `{"at":"2026-03-01T12:00:00Z","end":{"why":"x"}}` + "\n" + `{"at":"2026-03-01T12:00:00Z","lost":1}`, "web.jsonl:3: not a recording that this version of trimtab reads: a line after the end"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := NewReader("web.jsonl", strings.NewReader(test.text))
			for err == nil {
				_, err = r.next()
			}
			if !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestWhatIsCutOffIsSaid(t *testing.T) {
	text := first + `{"at":"2026-03-01T12:00:01Z",` + plan + `{"at":"2026-03-01T12:0`
	r, lines := reread(t, text)
	if len(lines) != 1 || r.End() != nil {
		t.Errorf("%d lines, end %v", len(lines), r.End())
	}
	// A copy of it has an end, and no half of a line.
	var out bytes.Buffer
	r, err := NewReader("x", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CopyTo(&out); err == nil {
		t.Error("a copy of half a recording without an error")
	}
	copied, lines := reread(t, out.String())
	if len(lines) != 2 || copied.End() == nil || copied.End().Why != "cut off" || copied.End().Plans != 1 {
		t.Errorf("%d lines, end %+v", len(lines), copied.End())
	}
	if !strings.HasPrefix(out.String(), text[:strings.LastIndex(text, "{\"at\"")]) {
		t.Errorf("the copy differs:\n%s", out.String())
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestCopyIsTheSame(t *testing.T) {
	text := write(t, NewHeader("v1", scorer.Config{Name: "web"}, tuner.Beginning{At: began}), tuner.Entry{At: began, Lost: 2})
	open := func() *Reader {
		r, err := NewReader("x", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var out bytes.Buffer
	if err := open().CopyTo(&out); err != nil || out.String() != text {
		t.Errorf("%v\n%s, want\n%s", err, out.String(), text)
	}
	full := errors.New("no space left")
	if err := open().CopyTo(failing{full}); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// What an earlier trimtab has recorded is read.
func TestAnEarlierRecordingIsRead(t *testing.T) {
	file, err := os.Open("testdata/web.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := NewReader("web.jsonl", file)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Header()
	o, err := Replay(r, h.Scorer())
	if err != nil {
		t.Fatal(err)
	}
	if !o.FromStart || o.Plans != 4 || o.Reports != 36 || o.Ended == "" || len(o.Backends) != 2 {
		t.Errorf("%+v", o)
	}
}

// Whatever a file says, it is read or refused, and nothing in it breaks a replay.
func FuzzReplay(f *testing.F) {
	text, err := os.ReadFile("testdata/web.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	// A few lines of each kind: of long inputs the fuzzer spends its time on finding
	// shorter ones.
	lines := strings.SplitAfter(string(text), "\n")
	for _, part := range [][]string{lines[:3], lines[5:7], lines[10:12], lines[24:25], lines[len(lines)-2:]} {
		f.Add([]byte(lines[0] + strings.Join(part, "")))
	}
	f.Add([]byte(first + `{"at":"2026-03-01T12:00:01Z","backends":[{"name":"s1","capacity":"+Inf"}]}` + "\n" +
		`{"at":"9999-03-01T12:00:01Z","report":{"backend":"s1","at":"0001-03-01T12:00:00Z","rps":"-Inf","named":{"q":null}}}` + "\n" +
		`{"at":"2026-03-01T12:00:01Z","applied":{"target":"t","shares":[{"backend":"s1"}]}}` + "\n" +
		`{"at":"2026-03-01T12:00:01Z",` + plan))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader("x", bytes.NewReader(data))
		if err != nil {
			return
		}
		h := r.Header()
		out, err := Replay(r, h.Scorer())
		if err != nil {
			return
		}
		if err := out.WriteTable(io.Discard); err != nil {
			t.Error(err)
		}
		if out.Plans > 0 && out.Seconds < 0 {
			t.Errorf("%v s long", time.Duration(out.Seconds))
		}
	})
}
