package policy

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func FuzzEdit(f *testing.F) {
	names, err := filepath.Glob("testdata/*.cfg")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "ws", uint8(0))
		f.Add(text, "other", uint8(3))
	}
	f.Fuzz(func(t *testing.T, text []byte, backend string, algorithm uint8) {
		wanted := Algorithms()[int(algorithm)%len(Algorithms())]
		keepsTheRest(t, text, backend, wanted)
	})
}

type failer interface{ Fatalf(string, ...any) }

// keepsTheRest checks what holds for every text that can be edited at all.
func keepsTheRest(t failer, text []byte, backend, algorithm string) {
	e, err := Edit([]File{{"f", text}}, backend, algorithm)
	if err != nil {
		return
	}
	if len(e.Changes) == 0 && (e.Diff != "" || !bytes.Equal(e.Text, text)) {
		t.Fatalf("no changes, but a diff or another text:\n%s\n%q\n%q", e.Diff, text, e.Text)
	}
	if differ := changedElsewhere(text, e); differ != 0 {
		t.Fatalf("%d bytes changed outside of %+v:\n%q\n%q", differ, e.Changes, text, e.Text)
	}
	// Seen from outside: a line that was changed begins and ends as it did, around
	// its arguments, and has the algorithm between.
	for _, c := range e.Changes {
		if !c.Added {
			words, err := split([]byte(c.New))
			if err != nil || len(words) != 2 || words[0].text != "balance" || words[1].text != algorithm {
				t.Fatalf("%q became %q", c.Old, c.New)
			}
			if tail := c.New[words[1].end:]; !strings.HasSuffix(c.Old, tail) || !strings.HasPrefix(c.Old, c.New[:words[0].end]) {
				t.Fatalf("%q became %q: more than the arguments", c.Old, c.New)
			}
		}
	}
	again, err := Edit([]File{{"f", e.Text}}, backend, algorithm)
	if err != nil || len(again.Changes) > 0 || again.Before != canonical(algorithm) {
		t.Fatalf("once more: %+v, %v\n%q\n%q", again, err, text, e.Text)
	}
}

// What HAProxy's language is made of, put together at random: sections within
// conditionals, inheritance, and lines that only look like something.
func TestEditHoldsForAnyConfiguration(t *testing.T) {
	pieces := []string{
		"backend ws", "backend other from d1", "backend ws from d1", "listen ws", "frontend ws", "defaults", "defaults d1",
		"defaults d2 from d1", "defaults from d2", "global", "balance leastconn", " balance\troundrobin # x", "\tbalance", "'balance' \"source\"",
		"balance random", ".if defined(A)", ".elif defined(B)", ".else", ".endif", ".notice \"x\"", "server s1 127.0.0.1:1", "# balance source", "", "balance \"$A\"", "balance 'x", "no balance",
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "lines")
		end := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "end")
		var text bytes.Buffer
		open := 0
		for _, l := range lines {
			switch l {
			case ".if defined(A)":
				open++
			case ".elif defined(B)", ".else":
				if open == 0 {
					continue
				}
			case ".endif":
				if open == 0 {
					continue
				}
				open--
			}
			text.WriteString(l + end)
		}
		text.WriteString(strings.Repeat(".endif"+end, open))
		algorithm := rapid.SampledFrom(Algorithms()).Draw(t, "algorithm")
		keepsTheRest(t, text.Bytes(), "ws", algorithm)
	})
}

func FuzzReplies(f *testing.F) {
	f.Add("#<PID> <type> <reloads> <uptime> <version>\n1 master 2 [failed: 1] 0d00h00m02s 2.6.12\n# workers\n2 worker 1 0d00h00m01s 2.6.12\n# programs\n")
	f.Add("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_fqdn srv_port\n3 ws 1 s1 127.0.0.1 2 0 7 100 - 80\n")
	f.Add("# pxname,svname,algo,\nws,BACKEND,leastconn,\n")
	f.Add("Pid: 7\nStopping: 0\n")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseProcesses(text); err == nil {
			for pid := range p.current {
				if !p.all[pid] {
					t.Fatalf("worker %d is not among all", pid)
				}
			}
		}
		if servers, order, err := parseState(text); err == nil && len(servers) > len(order) {
			t.Fatalf("%d servers, %d in order", len(servers), len(order))
		}
		if pid, _, err := parseInfo(text); err == nil && pid == 0 {
			t.Fatal("no pid and no error")
		}
		_, _ = parseAlgorithm([]byte(text), "ws")
	})
}
