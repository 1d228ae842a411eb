package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// paged is a HAProxy with a statistics page at its second listener, in front of
// two servers that behave and a backend whose name contains the other's. As the
// first is a "listen", a frontend and a listener have its name, too.
func paged(t *testing.T, binary, lines string) *instance.Instance {
	t.Helper()
	return start(t, instance.Options{
		Binary: binary, Listeners: 2, MasterWorker: true,
		Config: preamble + "frontend page\n  bind @FD1@\n  stats enable\n  stats uri /stats\n" + lines +
			"listen ws\n  bind @FD0@\n  option socket-stats\n  balance leastconn\n  server s1 " + behaving(t) + " weight 100\n  server s2 " + behaving(t) + " weight 50\n" +
			"backend ws2\n  balance roundrobin\n" + serverLines(2, ""),
	})
}

func newPage(t *testing.T, c StatsPageConfig) *StatsPage {
	t.Helper()
	if c.Backend == "" {
		c.Backend = "ws"
	}
	if c.Timeout == 0 {
		c.Timeout = 20 * time.Second // for a HAProxy that is kept waiting
	}
	p, err := NewStatsPage(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

func pageOf(t *testing.T, in *instance.Instance, c StatsPageConfig) *StatsPage {
	t.Helper()
	c.URL = "http://" + in.Addr(1) + "/stats"
	return newPage(t, c)
}

// look polls once and returns the reports by server.
func look(t *testing.T, p *StatsPage) map[string]scorer.Report {
	t.Helper()
	me := p.reports.join()
	defer p.reports.leave(me)
	if err := p.poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := map[string]scorer.Report{}
	select {
	case batch := <-me:
		for _, r := range batch {
			out[r.Backend] = r
		}
	default:
		t.Fatal("a poll brought no reports")
	}
	return out
}

func TestStatsPageCountsWhatIsDone(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "")
		p := pageOf(t, in, StatsPageConfig{})
		done := tally{}
		done.add(look(t, p))
		get(t, in.Addr(0), "/", 6)
		get(t, in.Addr(0), "/500", 4)
		var reports map[string]scorer.Report
		// A session may end a little after its client has the answer.
		until(t, eventually, func() error {
			reports = look(t, p)
			done.add(reports)
			if open := reports["s1"].InFlight + reports["s2"].InFlight; open != 0 {
				return fmt.Errorf("%g are open", open)
			}
			return nil
		})
		if len(done) != 2 || done["s1"].Done+done["s2"].Done != 10 || done["s1"].Failed+done["s2"].Failed != 4 {
			t.Errorf("counted %+v, %+v", done["s1"], done["s2"])
		}
		for name, r := range reports {
			if r.Origin != p.Name() || !r.ByProxy || r.InFlight != 0 || time.Since(r.At) > 5*time.Second {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if p.Name() != "haproxy:http://"+in.Addr(1)+"/stats" {
			t.Errorf("name %s", p.Name())
		}
	})
}

func TestStatsPageTellsWeightsMembersAndAlgorithm(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "  stats show-legends\n")
		p := pageOf(t, in, StatsPageConfig{Capacities: map[string]float64{"s1": 8}, Algorithm: scorer.RoundRobin})
		if p.Weights() != nil || p.Algorithm() != scorer.RoundRobin {
			t.Errorf("weights %v, algorithm %q before it was read", p.Weights(), p.Algorithm())
		}
		ask(t, in, "set server ws/s2 weight 77")
		look(t, p)
		if diff := cmp.Diff(map[string]int{"s1": 100, "s2": 77}, p.Weights()); diff != "" {
			t.Error(diff)
		}
		if p.Algorithm() != scorer.LeastConnections {
			t.Errorf("algorithm %q", p.Algorithm())
		}
		members := p.announced
		if len(members) != 2 || members[0].Address == "" || members[0].Capacity != 8 || members[1].Capacity != 0 {
			t.Errorf("members %+v", members)
		}
		condition := func(want scorer.Condition) {
			t.Helper()
			look(t, p)
			if got := p.announced[0].Condition; got != want {
				t.Errorf("s1 is %v, want %v", got, want)
			}
		}
		condition(scorer.Up)
		ask(t, in, "set server ws/s1 weight 0") // as an agent may
		condition(scorer.Up)
		ask(t, in, "set server ws/s1 state drain")
		condition(scorer.Draining)
		ask(t, in, "set server ws/s1 state maint")
		condition(scorer.Down)
		ask(t, in, "set server ws/s1 state ready")
		condition(scorer.Up)
	})
}

// Without "stats show-legends" the page tells neither algorithms nor addresses.
func TestStatsPageWithoutLegends(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "")
		p := pageOf(t, in, StatsPageConfig{Algorithm: scorer.Random})
		look(t, p)
		if got := p.Algorithm(); got != scorer.Random {
			t.Errorf("algorithm %q", got)
		}
		if p.announced[0].Address != "" {
			t.Errorf("members %+v", p.announced)
		}
	})
}

// The page is asked for one backend, and others are not taken for it.
func TestStatsPageAsksForItsBackend(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "")
		p := pageOf(t, in, StatsPageConfig{Backend: "ws2"})
		if got := look(t, p); len(got) != 2 {
			t.Errorf("reports %+v", got)
		}
		if page := string(p.page); strings.Contains(page, "\nws,") || strings.Contains(page, "\npage,") {
			t.Errorf("the page has others, too:\n%s", page)
		}
		both := pageOf(t, in, StatsPageConfig{})
		if got := look(t, both); len(got) != 2 {
			t.Errorf("reports %+v", got)
		}

		var log journal
		none := pageOf(t, in, StatsPageConfig{Backend: "nope", Logger: log.logger()})
		for range 3 {
			if err := none.poll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if none.Weights() != nil || none.announced == nil || len(none.announced) != 0 || log.count("no such backend") != 1 {
			t.Errorf("weights %v, members %v of a backend that is not there", none.Weights(), none.announced)
		}
	})
}

func TestStatsPageWithPassword(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "  stats auth trim:tab\n")
		if err := pageOf(t, in, StatsPageConfig{Username: "trim", Password: "wrong"}).poll(t.Context()); err == nil || !strings.Contains(err.Error(), "stats auth") {
			t.Errorf("with a wrong password: %v", err)
		}
		p := pageOf(t, in, StatsPageConfig{Username: "trim", Password: "tab"})
		if got := look(t, p); len(got) != 2 {
			t.Errorf("reports %+v", got)
		}
	})
}

// A connection that is kept open must not go on showing a worker that a reload
// has replaced.
func TestStatsPageFollowsAReload(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := paged(t, binary, "")
		p := pageOf(t, in, StatsPageConfig{})
		me := p.reports.join()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		get(t, in.Addr(0), "/", 20)
		// It keeps the old worker alive.
		socket, _, err := websocket.Dial(t.Context(), "ws://"+in.Addr(0)+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = socket.CloseNow() }()
		ask(t, in, "set server ws/s2 weight 77")
		until(t, eventually, func() error {
			if got := p.Weights()["s2"]; got != 77 {
				return fmt.Errorf("weight %d", got)
			}
			return nil
		})
		if err := in.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		reloaded := time.Now()
		until(t, eventually, func() error {
			if got := p.Weights()["s2"]; got != 50 {
				return fmt.Errorf("weight %d is the old worker's", got)
			}
			return nil
		})
		t.Logf("the new worker was seen %v after it was ready", time.Since(reloaded).Round(time.Millisecond))
		get(t, in.Addr(0), "/", 5)
		done := 0.0
		until(t, eventually, func() error {
			for range len(me) {
				for _, r := range <-me {
					if r.RPS < 0 || r.EPS < 0 {
						t.Fatalf("report %+v", r)
					}
					if r.At.After(reloaded) && r.RPS > 0 {
						done += r.RPS * r.Interval.Seconds()
					}
				}
			}
			if done < 4.5 {
				return fmt.Errorf("%.1f of 5 done", done)
			}
			return nil
		})
	})
}

func TestStatsPageOutlivesHAProxy(t *testing.T) {
	var log journal
	in := paged(t, system(t), "")
	p := pageOf(t, in, StatsPageConfig{PollInterval: 20 * time.Millisecond, Timeout: 100 * time.Millisecond, Logger: log.logger()})
	members, reports := make(chan []scorer.Backend, 100), make(chan scorer.Report)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	go func() { p.Run(ctx); ended <- nil }()
	go func() { ended <- p.Members().Run(ctx, members) }()
	go func() { ended <- p.Reports().Run(ctx, reports) }()
	if got := <-members; len(got) != 2 {
		t.Errorf("members %+v", got)
	}
	for range 10 {
		<-reports
	}
	if err := in.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := p.Stats()
	until(t, eventually, func() error {
		if now := p.Stats(); now.Polls-now.PollErrors < before.Polls-before.PollErrors+3 {
			return errors.New("not read again")
		}
		return nil
	})
	// However many polls fail, and however often: once for each time.
	until(t, eventually, func() error {
		if a, b := log.count("cannot be read"), log.count("can be read again"); a != b {
			return fmt.Errorf("%d failures and %d recoveries are told of", a, b)
		}
		return nil
	})
	log.mu.Lock()
	told := log.text.String()
	log.mu.Unlock()
	failing := false
	for line := range strings.Lines(told) {
		if failing == strings.Contains(line, "cannot be read") {
			t.Errorf("told twice in a row:\n%s", told)
		}
		failing = !failing
	}
	// A reader that does not read holds nobody up.
	cancel()
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestStatsPageOverTLSAndOddAnswers(t *testing.T) {
	dump := recorded(t, "stat")["2.6"]
	over := make(chan struct{})
	answers := map[string]http.HandlerFunc{
		"/page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(dump) },
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/page;csv", http.StatusFound) },
		"/html":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html></html>")) },
		"/empty":    func(http.ResponseWriter, *http.Request) {},
		// Not until the client gives up: what it then finds is a race.
		"/hung": func(http.ResponseWriter, *http.Request) { <-over },
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[strings.TrimSuffix(r.URL.Path, ";csv")](w, r)
	}))
	defer s.Close()
	defer close(over)
	tlsConfig := s.Client().Transport.(*http.Transport).TLSClientConfig
	p := newPage(t, StatsPageConfig{URL: s.URL + "/page", TLS: tlsConfig})
	if got := look(t, p); len(got) != 7 {
		t.Errorf("%d reports", len(got))
	}
	for path, kind := range map[string]error{
		"/redirect": ErrUnexpected, "/html": ErrUnexpected, "/empty": ErrUnexpected, "/hung": context.DeadlineExceeded,
	} {
		c := StatsPageConfig{URL: s.URL + path, TLS: tlsConfig}
		if path == "/hung" {
			c.Timeout = 100 * time.Millisecond
		}
		p := newPage(t, c)
		wantKind(t, p.poll(t.Context()), kind)
	}
	if err := newPage(t, StatsPageConfig{URL: s.URL + "/page"}).poll(t.Context()); err == nil {
		t.Error("a certificate that nobody knows was taken")
	}
}

func TestStatsPageRefuses(t *testing.T) {
	for _, c := range []StatsPageConfig{
		{Backend: "ws"},
		{URL: "ftp://host/stats", Backend: "ws"},
		{URL: "http:///stats", Backend: "ws"},
		{URL: "http://user:secret@host/stats", Backend: "ws"},
		{URL: "http://host/%zz", Backend: "ws"},
		{URL: "http://host/stats"},
		{URL: "http://host/stats", Backend: "w s"},
	} {
		_, err := NewStatsPage(c)
		if err == nil {
			t.Errorf("%+v was taken", c)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("a password is told: %v", err)
		}
	}
	for text, want := range map[string]string{
		"http://host/stats":            "http://host/stats;csv?scope=ws",
		"http://host/stats;csv":        "http://host/stats;csv?scope=ws",
		"https://host/a;csv;norefresh": "https://host/a;csv?scope=ws",
		"http://host/stats?x=1":        "http://host/stats;csv?x=1",
		"http://host":                  "http://host/;csv?scope=ws",
	} {
		u, err := pageURL(text, "ws")
		if err != nil || u.String() != want {
			t.Errorf("%s becomes %v, %v; want %s", text, u, err, want)
		}
	}
}

// DRAIN (agent) is trimtab's own word where its agent-check says drain.
func TestStatsPageConditions(t *testing.T) {
	for _, test := range []struct {
		status string
		ours   bool
		want   scorer.Condition
	}{
		{"UP", false, scorer.Up},
		{"no check", false, scorer.Up},
		{"DRAIN", true, scorer.Draining},
		{"DRAIN (agent)", false, scorer.Draining},
		{"DRAIN (agent)", true, scorer.Up},
		{"DOWN (agent)", true, scorer.Down},
		{"MAINT", true, scorer.Down},
	} {
		p := newPage(t, StatsPageConfig{URL: "http://host/", AgentDrains: test.ours})
		if got := p.member(&row{rowText: rowText{server: "s1", status: test.status}}).Condition; got != test.want {
			t.Errorf("%s (agent drains: %v) is %v, want %v", test.status, test.ours, got, test.want)
		}
	}
}
