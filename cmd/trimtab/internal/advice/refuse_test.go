package advice

import (
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestSaysWhatItDoesNotKnow(t *testing.T) {
	each := func(edit func(*observation.Backend)) func(*observation.Document) {
		return func(d *observation.Document) {
			for i := range d.Backends {
				edit(&d.Backends[i])
			}
		}
	}
	static := func(algorithm scorer.Algorithm, configured string) func(*observation.Document) {
		return func(d *observation.Document) {
			d.Law, d.LawConfigured, d.Targets[0].Algorithm = scorer.LawStatic, configured, algorithm
			each(func(b *observation.Backend) { b.Capacity = status.Unknown() })(d)
			d.Backends[0].InFlight = 9
		}
	}
	held := func(plane observation.Plane, algorithm scorer.Algorithm) func(*observation.Document) {
		return func(d *observation.Document) {
			d.Kind = scorer.KindConnections
			d.Targets[0].Plane, d.Targets[0].Algorithm, d.Targets[0].Cluster = plane, algorithm, "web"
		}
	}
	for _, test := range []struct {
		name    string
		edit    func(*observation.Document)
		verdict Verdict
		says    string
		choice  string
	}{
		{"no step", func(d *observation.Document) { d.At = nil }, Unknown, "not taken a step", ""},
		{"nobody", each(func(b *observation.Backend) { b.State = "down" }), Unknown, "No server takes work", ""},
		{"one", func(d *observation.Document) { d.Backends[0].State, d.Backends[1].State = "ejected", "draining" }, Unknown, "nothing to balance", ""},
		{"no reports", each(func(b *observation.Backend) {
			b.InFlight, b.RPS, b.LatencySeconds = status.Unknown(), status.Unknown(), status.Unknown()
		}), Unknown, "Too little traffic", ""},
		{"rates only", each(func(b *observation.Backend) { b.InFlight, b.LatencySeconds = status.Unknown(), status.Unknown() }), Unknown, "Nobody reports what is in flight", ""},
		{"nothing completes", each(func(b *observation.Backend) { b.RPS = 0 }), Unknown, "Nothing completes, although 9 requests are in flight", ""},
		{"watched for too short", func(d *observation.Document) { d.Seconds = 12 }, Unknown, "watched for 12 s", ""},
		{"too little traffic", each(func(b *observation.Backend) { b.RPS = 0.1 }), Unknown, "Too little traffic: 72 requests were completed in 4 minutes", ""},
		{"of unknown kind", func(d *observation.Document) { d.Kind = scorer.KindAuto }, Unknown, "requests or held connections", ""},
		{"full", each(func(b *observation.Backend) { b.Utilization = 0.99 }), Unknown, "full, by their own reports of 99 %", ""},
		{"static law", static(scorer.LeastConnections, scorer.LawStatic), Unsimulated, "law auto learns them", ""},
		{"round robin", static(scorer.RoundRobin, scorer.LawAuto), Unsimulated, "leastconn sends less to who is busy", "leastconn"},
		{"not learned yet", static(scorer.LeastConnections, scorer.LawAuto), Unknown, "not learned yet", ""},
		{"connections", held(observation.PlaneHAProxy, scorer.LeastConnections), Unsimulated, "no change", "leastconn"},
		{"connections by round robin", held(observation.PlaneHAProxy, scorer.RoundRobin), Unsimulated, "drift apart", "leastconn"},
		{"connections by random", held(observation.PlaneHAProxy, scorer.Random), Unsimulated, "drift apart", "leastconn"},
		{"connections of Envoy", held(observation.PlaneEnvoy, scorer.RoundRobin), Unsimulated, "not simulated", "least_request"},
		{"told where to go over HTTP", held(observation.PlaneRedirect, scorer.Random), Unsimulated, "there is no proxy", ""},
		{"told where to go over DNS", held(observation.PlaneDNS, scorer.Random), Unsimulated, "there is no proxy", ""},
		{"connections of gRPC", held(observation.PlaneGRPC, scorer.RoundRobin), Unsimulated, "no other algorithm", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := For(t.Context(), seenPool(3, test.edit), Options{Seeds: 1})
			if err != nil {
				t.Fatal(err)
			}
			part := a.Parts[0]
			choice := ""
			if part.Choice != nil {
				choice = part.Choice.Algorithm
			}
			if part.Verdict != test.verdict || !strings.Contains(part.Says, test.says) || choice != test.choice || a.Scenario != nil {
				t.Errorf("%s %q %q, want %s %q %q", part.Verdict, choice, part.Says, test.verdict, test.choice, test.says)
			}
			if change := choice != "" && choice != part.InForce.Algorithm; change != (len(part.Apply) > 0) && test.name != "static law" {
				t.Errorf("apply %v", part.Apply)
			}
			var out strings.Builder
			if err := a.WriteTable(&out, 60); err != nil || !strings.Contains(out.String(), "pool web") {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}
