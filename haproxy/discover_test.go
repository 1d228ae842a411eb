package haproxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestDiscover(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		address := behaving(t)
		in := start(t, instance.Options{
			Binary: binary, Listeners: 1,
			Config: strings.Replace(preamble, "defaults", "  stats socket @SOCKET@.user level user\ndefaults", 1) +
				"frontend f\n  bind @FD0@\n  default_backend ws\n" +
				"backend ws\n  balance leastconn\n  server s10 " + address + " weight 30 slowstart 60s\n  server s9 " + address + " weight 20\n" +
				"  server s11 " + address + " disabled\n  server s12 " + address + " agent-check agent-port " + agent(t, "up") + "\n" +
				"backend drawn\n  balance random(2)\n" + serverLines(2, "") +
				"backend drawn-once\n  balance random(1)\n" + serverLines(2, "") +
				"backend default\n" + serverLines(2, "") +
				"backend hashed\n  balance uri\n" + serverLines(2, "") +
				"backend alone\n  mode tcp\n  balance leastconn\n" + serverLines(1, "") +
				"backend empty\n",
		})
		ask(t, in, "set server ws/s9 weight 25")
		standard := scorer.RoundRobin
		if !before33(versionOf(t, binary)) {
			standard = scorer.Random
		}
		once := scorer.RoundRobin

		type brief struct {
			Name, Mode string
			Algorithm  scorer.Algorithm
			SlowStart  bool
			Tunable    bool
		}
		for name, test := range map[string]struct {
			config  Config
			admin   bool
			unnamed scorer.Algorithm
			hidden  bool
		}{
			"socket alone":             {Config{Socket: in.Socket()}, true, scorer.Random, false},
			"with the file":            {Config{Socket: in.Socket(), ConfigFile: in.ConfigFile()}, true, once, false},
			"user, with the file":      {Config{Socket: in.Socket() + ".user", ConfigFile: in.ConfigFile()}, false, once, false},
			"user, socket alone":       {Config{Socket: in.Socket() + ".user"}, false, "", true},
			"socket with its family":   {Config{Socket: "unix@" + in.Socket()}, true, scorer.Random, false},
			"the file of another time": {Config{Socket: in.Socket(), ConfigFile: otherFile(t)}, true, scorer.Random, false},
		} {
			t.Run(name, func(t *testing.T) {
				found, err := newProxy(t, test.config).Discover(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				var got []brief
				for _, b := range found {
					got = append(got, brief{b.Name, b.Mode, b.Algorithm, b.SlowStart, b.Why == ""})
				}
				file := test.config.ConfigFile == in.ConfigFile()
				algorithm := func(a scorer.Algorithm) scorer.Algorithm {
					if test.hidden {
						return scorer.AlgorithmUnknown
					}
					return a
				}
				want := []brief{
					{"alone", "tcp", algorithm(scorer.LeastConnections), false, false},
					{"default", "http", algorithm(standard), false, test.admin},
					{"drawn", "http", algorithm(scorer.Random), false, test.admin},
					{"drawn-once", "http", algorithm(test.unnamed), false, test.admin},
					{"empty", "http", algorithm(standard), false, false},
					{"hashed", "http", algorithm(scorer.FixedWeights), false, false},
					{"ws", "http", algorithm(scorer.LeastConnections), file, test.admin},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if !test.admin {
					return // addresses are not shown
				}
				servers := []ServerInfo{
					{Name: "s10", Address: address, Status: "no check", Weight: 30, Initial: 30},
					{Name: "s9", Address: address, Status: "no check", Weight: 25, Initial: 20},
					{Name: "s11", Address: address, Status: "MAINT", Condition: scorer.Down, Weight: 1, Initial: 1},
					{Name: "s12", Address: address, Status: "no check", Weight: 1, Initial: 1, Agent: true},
				}
				if diff := cmp.Diff(servers, found[6].Servers); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	})
}

// otherFile is a configuration that says of no backend what runs.
func otherFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := "defaults\n  balance roundrobin\nbackend ws\nbackend hashed\n  balance leastconn\nbackend drawn-once\nbackend drawn\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	text := `
defaults base
  balance random(3)
  default-server slowstart 10s
defaults
  balance leastconn
backend unnamed
  server s1 127.0.0.1:1
backend own
  balance roundrobin
  server s1 127.0.0.1:1 slowstart 5s weight 3
listen named from base
  bind :1
defaults derived from base
backend chained from derived
  server-template t 1-3 127.0.0.1:1
defaults
backend silent
  balance hdr(host)
backend quiet
  server s1 127.0.0.1:1
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fileBackend{
		"unnamed": {listed: true, balance: "leastconn"},
		"own":     {listed: true, balance: "roundrobin", slowStart: true},
		"named":   {listed: true, balance: "random(3)", slowStart: true},
		"chained": {listed: true, balance: "random(3)", slowStart: true},
		"silent":  {listed: true, balance: "hdr"},
		"quiet":   {listed: true},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fileBackend{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := readFile(path + ".gone"); err == nil || !strings.Contains(err.Error(), ".gone") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestAlgorithmOf(t *testing.T) {
	for _, test := range []struct {
		seen, file, version string
		listed              bool
		want                scorer.Algorithm
	}{
		{"leastconn", "roundrobin", "2.6.12", true, scorer.LeastConnections},
		{"roundrobin", "", "3.4.7", true, scorer.RoundRobin},
		{"first", "", "2.6.12", false, scorer.FixedWeights},
		{"static-rr", "", "2.6.12", false, scorer.FixedWeights},
		{"unknown", "", "2.6.12", false, scorer.Random},
		{"unknown", "random", "2.6.12", true, scorer.Random},
		{"unknown", "random(1)", "2.6.12", true, scorer.RoundRobin},
		{"unknown", "hash", "2.6.12", true, scorer.FixedWeights},
		{"unknown", "leastconn", "2.6.12", true, scorer.Random},
		{"", "leastconn", "2.6.12", true, scorer.LeastConnections},
		{"", "", "3.2.26-1", true, scorer.RoundRobin},
		{"", "", "3.3-dev1", true, scorer.Random},
		{"", "", "10.0", true, scorer.Random},
		{"", "", "2.6.12", false, scorer.AlgorithmUnknown},
	} {
		if got := algorithmOf(test.seen, fileBackend{listed: test.listed, balance: test.file}, test.version); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}
