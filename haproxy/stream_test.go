package haproxy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// TestRecordSessions makes the recordings of "show sess", with -record: a
// backend for each thing that a session may do.
func TestRecordSessions(t *testing.T) {
	if !*record {
		t.Skip("records only with -record")
	}
	onEach(t, func(t *testing.T, binary string) {
		address := tunnelServer(t)
		config := tunnelPreamble
		names := []string{"sockets", "waiting", "events", "filtered", "plain"}
		for i, name := range names {
			config += "frontend " + name + "\n  bind @FD" + string(rune('0'+i)) + "@\n"
			if name == "plain" {
				config += "  mode tcp\n"
			}
			config += "  default_backend to-" + name + "\nbackend to-" + name + "\n"
			switch name {
			case "plain":
				config += "  mode tcp\n"
			case "filtered":
				config += "  compression algo gzip\n"
			}
			config += "  server s1 " + address + "\n  server s2 " + address + "\n"
		}
		in := start(t, instance.Options{Binary: binary, Listeners: len(names), Config: config})
		for i, path := range []string{"/ws", "/wait", "/events", "/ws", "/ws"} {
			s := newTunnels(t, in.Addr(i))
			for range 4 {
				if err := s.dial(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		timer := time.NewTimer(youngest + 3*time.Second/2)
		<-timer.C
		version := strings.Join(strings.SplitN(versionOf(t, binary), ".", 3)[:2], ".")
		// In this order: the one is looked up in the other, as younger.
		for _, command := range []string{"sess", "sess all"} {
			text := ask(t, in, "show "+command)
			file := strings.ReplaceAll(command, " ", "") + "-" + version + ".txt"
			if err := os.WriteFile(filepath.Join(recordings, file), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// parseOne reads the streams of one server.
func parseOne(text []byte, backend, server string, each func(stream)) (listed int, err error) {
	return parseStreams(text, map[place]int{{backend, server}: 1}, func(_ place, s stream) { each(s) })
}

func streamsOf(t testing.TB, text []byte, backend, server string) []stream {
	t.Helper()
	var out []stream
	if _, err := parseOne(text, backend, server, func(s stream) { out = append(out, s) }); err != nil {
		t.Fatal(err)
	}
	return out
}

var recordedDoing = map[string]activity{
	"to-sockets": tunnelling, "to-waiting": requesting, "to-events": responding,
	"to-filtered": tunnelling, "to-plain": tunnelling,
}

func TestParseRecordedSessions(t *testing.T) {
	for version, text := range recorded(t, "sess") {
		for backend, doing := range recordedDoing {
			both := slices.Concat(streamsOf(t, text, backend, "s1"), streamsOf(t, text, backend, "s2"))
			if len(both) != 4 {
				t.Errorf("%s: %d sessions in %s, want 4", version, len(both), backend)
			}
			for _, s := range both {
				if s.doing != doing || !s.age.known || s.age.least < youngest || !strings.HasPrefix(s.source, "127.0.0.1:") || !isPointer([]byte(s.pointer)) {
					t.Errorf("%s: %s: %+v, want doing %d", version, backend, s, doing)
				}
			}
		}
		listed, err := parseOne(text, "to-plain", "s3", func(s stream) { t.Errorf("%s: %+v", version, s) })
		// The one that asks is listed, and nobody's.
		if err != nil || listed != 4*len(recordedDoing)+1 {
			t.Errorf("%s: %d listed, %v", version, listed, err)
		}
	}
}

// longForms are the replies to "show sess POINTER", by pointer.
func longForms(text []byte) map[string][]byte {
	out := map[string][]byte{}
	pointer := ""
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte("0x")) {
			before, _, _ := bytes.Cut(line, []byte(": "))
			pointer = string(before)
		}
		out[pointer] = append(out[pointer], line...)
	}
	return out
}

func TestCheckRecordedSessions(t *testing.T) {
	all := recorded(t, "sessall")
	for version, text := range recorded(t, "sess") {
		long := longForms(all[version])
		checked := 0
		for backend := range recordedDoing {
			for _, server := range []string{"s1", "s2"} {
				for _, s := range streamsOf(t, text, backend, server) {
					form := long[s.pointer]
					check := func(form []byte, s stream, backend, server string, passed time.Duration) bool {
						same, _ := checkStream(form, s, backend, server, passed)
						return same
					}
					if !check(form, s, backend, server, 0) {
						t.Errorf("%s: %+v is not recognised in\n%s", version, s, form)
					}
					checked++
					other := s
					other.source += "1"
					later := s
					later.age.least += 10 * time.Second
					busy := s
					busy.doing = (s.doing + 1) % 3
					place := s
					place.pointer += "0"
					for name, wrong := range map[string]bool{
						"another client":    check(form, other, backend, server, 0),
						"a younger one":     check(form, later, backend, server, 0),
						"too young for now": check(form, s, backend, server, 10*time.Second),
						"another activity":  check(form, busy, backend, server, 0),
						"another place":     check(form, place, backend, server, 0),
						"another backend":   check(form, s, backend+"x", server, 0),
						"another server":    check(form, s, backend, server+"x", 0),
						"nothing":           check(nil, s, backend, server, 0),
						"not found":         check([]byte(notFound+".\n"), s, backend, server, 0),
					} {
						if wrong {
							t.Errorf("%s: %s is taken for %+v", version, name, s)
						}
					}
				}
			}
		}
		if checked != 4*len(recordedDoing) {
			t.Errorf("%s: %d checked", version, checked)
		}
	}
}

func TestParseSessionsOfAnyShape(t *testing.T) {
	const line = "0x7f01: proto=tcpv4 src=10.0.0.1:5 fe=f be=ws srv=s1 ts=00 age=1h2m calls=3 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] exp="
	for name, test := range map[string]struct {
		text string
		want []stream
		fail bool
	}{
		"nothing":               {"", nil, false},
		"blank lines":           {"\n\n" + line + "\r\n\n", []stream{{"0x7f01", "10.0.0.1:5", age{62 * time.Minute, time.Minute, true}, tunnelling}}, false},
		"another server":        {strings.Replace(line, "srv=s1", "srv=s11", 1), nil, false},
		"no age":                {strings.Replace(line, "age=1h2m ", "", 1), []stream{{"0x7f01", "10.0.0.1:5", age{}, tunnelling}}, false},
		"no analysers":          {strings.Replace(line, "an=00h", "", 2), []stream{{"0x7f01", "10.0.0.1:5", age{62 * time.Minute, time.Minute, true}, requesting}}, false},
		"a lure in a field":     {strings.Replace(line, "fe=f", "fe=xsrv=s1", 1), []stream{{"0x7f01", "10.0.0.1:5", age{62 * time.Minute, time.Minute, true}, tunnelling}}, false},
		"a refusal":             {"[3]: Permission denied", nil, true},
		"no pointer":            {"7f01: be=ws srv=s1", nil, true},
		"a command for pointer": {"0x7f01;shutdown: be=ws srv=s1", nil, true},
		"no server":             {"0x7f01: be=ws", nil, true},
	} {
		var got []stream
		_, err := parseOne([]byte(test.text), "ws", "s1", func(s stream) { got = append(got, s) })
		if (err != nil) != test.fail {
			t.Errorf("%s: error %v", name, err)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(stream{}, age{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzParseSessions(f *testing.F) {
	// The beginnings: the rest says the same again, and makes each try longer.
	for _, kind := range []string{"sess", "sessall"} {
		for _, text := range recorded(f, kind) {
			f.Add(text[:min(len(text), 4096)])
		}
	}
	f.Add([]byte("0x1: be=to-sockets srv=s1 age=1d2h rq[an=h] rp[an=400h"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, _ = parseOne(text, "to-sockets", "s1", func(s stream) {
			if !isPointer([]byte(s.pointer)) {
				t.Errorf("%q would be sent as a pointer", s.pointer)
			}
			if s.age.least < 0 {
				t.Errorf("age %v", s.age)
			}
		})
		for pointer, form := range longForms(text) {
			s := stream{pointer: pointer, source: "127.0.0.1:1", age: age{time.Minute, time.Second, true}}
			if same, there := checkStream(form, s, "to-sockets", "s1", 0); (same || there) && !bytes.Contains(form, []byte("127.0.0.1:1")) {
				t.Errorf("%q is taken for %+v", form, s)
			}
		}
	})
}
