package haproxy

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

var record = flag.Bool("record", false, "record what HAProxy says in testdata/haproxy anew")

const recordings = "../testdata/haproxy"

// recorded returns the files of one kind ("stat", "state", "info"), by version.
func recorded(t testing.TB, kind string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(recordings, kind+"-*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings of %s: %v", kind, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), kind+"-"), ".txt")] = text
	}
	return out
}

// TestRecord makes the recordings, with -record: of a checked, a failed, an
// agent's, a ramping, a drained and a maintained server.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("records only with -record")
	}
	onEach(t, func(t *testing.T, binary string) {
		address := behaving(t)
		in := start(t, instance.Options{
			Binary: binary, Listeners: 1,
			Config: preamble + "frontend f\n  bind @FD0@\n  default_backend ws\n" +
				"backend ws\n  balance leastconn\n" +
				"  server plain " + address + " weight 100\n" +
				"  server checked " + address + " weight 50 check inter 50ms\n" +
				"  server failed 127.0.0.1:1 check inter 50ms fall 1\n" +
				"  server agent " + address + " agent-check agent-inter 50ms agent-port " + agent(t, `down #tonight, they said "soon"`) + "\n" +
				"  server ramping " + address + " weight 200 slowstart 60s check inter 50ms\n" +
				"  server drained " + address + "\n  server maintained " + address + " disabled\n" +
				"backend plain\n" + serverLines(2, "") +
				"backend hashed\n  balance source\n" + serverLines(2, "weight 3") +
				"listen stream\n  mode tcp\n  bind abns@" + filepath.Base(t.Name()) + time.Now().Format(".000000000") + "\n  balance first\n" + serverLines(1, ""),
		})
		ask(t, in, "set server ws/drained state drain")
		ask(t, in, "set server ws/ramping state maint")
		ask(t, in, "set server ws/ramping state ready")
		ask(t, in, "set server ws/plain weight 120")
		get(t, in.Addr(0), "/", 6)
		until(t, eventually, func() error {
			if got := ask(t, in, "show stat -1 7 -1"); !strings.Contains(got, "they said") || !strings.Contains(got, "L4CON") {
				return errors.New("checks are not through")
			}
			return nil
		})
		version := strings.Join(strings.SplitN(versionOf(t, binary), ".", 3)[:2], ".")
		for kind, command := range map[string]string{
			"stat": "show stat -1 7 -1", "state": "show servers state", "info": "show info",
		} {
			text := strings.ReplaceAll(ask(t, in, command), hostname(t), "host")
			if err := os.WriteFile(filepath.Join(recordings, kind+"-"+version+".txt"), []byte(text+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func parseAll(t testing.TB, dump []byte) []row {
	t.Helper()
	var out []row
	if err := newStatParser().parse(dump, func(r *row) { out = append(out, *r) }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestParseRecordedStatistics(t *testing.T) {
	for version, dump := range recorded(t, "stat") {
		t.Run(version, func(t *testing.T) {
			type line struct {
				Name, Status, Mode, Algorithm string
				Weight                        int
				Agent, Ramping                bool
			}
			got := map[string]line{}
			for _, r := range parseAll(t, dump) {
				got[r.backend+"/"+r.server] = line{r.server, r.status, r.mode, r.algorithm, r.weight, r.agent, r.throttled}
			}
			unnamed := "roundrobin"
			if !before33(version) {
				unnamed = noName
			}
			for name, want := range map[string]line{
				"ws/plain":        {"plain", "no check", "http", "", 120, false, false},
				"ws/checked":      {"checked", "UP", "http", "", 50, false, false},
				"ws/failed":       {"failed", "DOWN", "http", "", 1, false, false},
				"ws/agent":        {"agent", "DOWN (agent)", "http", "", 1, true, false},
				"ws/ramping":      {"ramping", "UP", "http", "", 200, false, true},
				"ws/drained":      {"drained", "DRAIN", "http", "", 1, false, false},
				"ws/maintained":   {"maintained", "MAINT", "http", "", 1, false, false},
				"plain/BACKEND":   {"BACKEND", "UP", "http", unnamed, 2, false, false},
				"hashed/BACKEND":  {"BACKEND", "UP", "http", "source", 6, false, false},
				"stream/FRONTEND": {"FRONTEND", "OPEN", "tcp", "", 0, false, false},
				"stream/BACKEND":  {"BACKEND", "UP", "tcp", "first", 1, false, false},
			} {
				if diff := cmp.Diff(want, got[name]); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
			}
			if total := got["ws/BACKEND"]; total.Algorithm != "leastconn" {
				t.Errorf("algorithm %q", total.Algorithm)
			}
		})
	}
}

func TestParseStatisticsOfAnyShape(t *testing.T) {
	const header = "# pxname,svname,scur,stot,status,weight,uweight,new_column,check_desc,iid,\n"
	for name, test := range map[string]struct {
		dump string
		want []row
		err  bool
	}{
		"quotes": {
			dump: header + `b,s1,1,2,UP,3,4,x,"a, ""b"" c",7,` + "\n",
			want: []row{{rowText: rowText{backend: "b", server: "s1", status: "UP"}, sessions: 1, total: 2, weight: 4, id: 7}},
		},
		"line ends in quotes, blank lines, no last line end": {
			dump: header + "\nb,s1,,,UP,1,1,,\"a\nb,c\",7,\r\n\n" + "b,s2,,,UP,1,2,,,8,",
			want: []row{
				{rowText: rowText{backend: "b", server: "s1", status: "UP"}, weight: 1, id: 7},
				{rowText: rowText{backend: "b", server: "s2", status: "UP"}, weight: 2, id: 8},
			},
		},
		"shorter line":         {dump: header + "b,s1\n", want: []row{{rowText: rowText{backend: "b", server: "s1"}, weight: -1}}},
		"another order":        {dump: "# uweight,weight,status,stot,scur,svname,pxname\n9,8,UP,7,6,s,b\n", want: []row{{rowText: rowText{backend: "b", server: "s", status: "UP"}, weight: 9, total: 7, sessions: 6}}},
		"header only":          {dump: header},
		"empty":                {dump: "", err: true},
		"not statistics":       {dump: "Name: HAProxy\n", err: true},
		"a column is missing":  {dump: "# pxname,svname,scur\nb,s,1\n", err: true},
		"quote without an end": {dump: header + "b,s1,1,2,UP,3,4,x,\"no end", err: true},
		"text after a quote":   {dump: header + "b,s1,1,2,UP,3,4,x,\"a\"b,\n", err: true},
		"no names":             {dump: header + ",,1\n", err: true},
	} {
		t.Run(name, func(t *testing.T) {
			var got []row
			err := newStatParser().parse([]byte(test.dump), func(r *row) { got = append(got, *r) })
			if (err != nil) != test.err {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				wantKind(t, err, ErrUnexpected)
				return
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(row{}, rowText{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseInt(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "0": 0, "17": 17, "-1": -1, "x": 0, "1x": 0, "-": 0,
		"9223372036854775807": 0, "4611686018427387903": 4611686018427387903, "99999999999999999999": 0,
	} {
		if got := parseInt([]byte(text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestParserMakesNoGarbage(t *testing.T) {
	dump := statOf(1000)
	p := newStatParser()
	parse := func() {
		p.rewind()
		if err := p.parse(dump, func(*row) {}); err != nil {
			t.Fatal(err)
		}
	}
	parse()
	if n := testing.AllocsPerRun(20, parse); n > 2 {
		t.Errorf("%g allocations for a poll of 1000 servers", n)
	}
}

// statOf is a dump of n servers in the columns of a recorded one.
func statOf(n int) []byte {
	dump, err := os.ReadFile(filepath.Join(recordings, "stat-2.6.txt"))
	if err != nil {
		panic(err)
	}
	header, rest, _ := bytes.Cut(dump, []byte("\n"))
	var line []byte
	for l := range bytes.Lines(rest) {
		if bytes.HasPrefix(l, []byte("ws,checked,")) {
			line = bytes.TrimPrefix(l, []byte("ws,checked,"))
		}
	}
	out := append(bytes.Clone(header), '\n')
	for i := range n {
		out = append(append(out, fmt.Sprintf("ws,server%d,", i)...), line...)
	}
	return out
}

func FuzzParseStat(f *testing.F) {
	for _, dump := range recorded(f, "stat") {
		f.Add(dump)
	}
	f.Add([]byte("# pxname,svname,scur,stot,status,weight,uweight,check_desc\nb,s,1,2,UP,3,4,\"a, \"\"b\"\"\"\n"))
	f.Fuzz(func(t *testing.T, dump []byte) {
		p := newStatParser()
		var first, second []row
		err := p.parse(dump, func(r *row) { first = append(first, *r) })
		p.rewind()
		again := p.parse(dump, func(r *row) { second = append(second, *r) })
		if (err == nil) != (again == nil) || !cmp.Equal(first, second, cmp.AllowUnexported(row{}, rowText{})) {
			t.Errorf("two readings differ: %v, %v", err, again)
		}
		for _, r := range first {
			if r.backend == "" || r.server == "" {
				t.Errorf("row without names: %+v", r)
			}
		}
	})
}
