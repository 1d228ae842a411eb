package scenario

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// badFiles are least with lines replaced: what is wrong with each, and whether
// its shape is, which the schema sees as well.
var badFiles = []struct {
	name     string
	old, new string
	want     string // after the name of the file
	shape    bool
}{
	{"key", "duration:", "duraton:", `3:1: duraton: unknown key (did you mean duration?)`, true},
	{"key of a backend", "cores: 1", "core: 1", `4:22: backends[0].core: unknown key (did you mean cores?)`, true},
	{"spelling of a key", "cores: 1", "cores: 1, joinsAt: 1s", `4:32: backends[0].joinsAt: unknown key (did you mean joins_at?)`, true},
	{"missing", "duration: 10s", "", `2:1: duration: is missing`, true},
	{"missing in an entry", "{name: a, cores: 1}", "{name: a}", `4:12: backends[0].cores: is missing`, true},
	{"number for a time", "10s", "10", `3:11: duration: "10" has no unit (write 10s for seconds, 10ms for milliseconds)`, true},
	{"no time", "10s", "soon", `"soon" is not a time`, true},
	{"negative time", "10s", "-10s", `3:11: duration: must not be negative, is -10s`, true},
	{"no duration", "10s", "0s", `3:11: duration: must be above 0s and at most 168h, is 0s`, false},
	{"text for a number", "cores: 1", "cores: one", `is "one", want a number`, true},
	{"quoted number", "cores: 1", `cores: "1"`, `is "1", want a number`, true},
	{"per cent", "cores: 1", "cores: 1, error_rate: 5%", `want a number (write 0.05)`, true},
	{"not finite", "cores: 1", "cores: .inf", `want a number`, false},
	{"no cores", "cores: 1", "cores: 0", `must be above 0 and at most 4096, is 0`, true},
	{"half a backend", "cores: 1", "cores: 1, count: 1.5", `must be a whole number, is 1.5`, true},
	{"number for a name", "name: a", "name: 1", `4:19: backends[0].name: is 1, want text (write "1")`, true},
	{"empty name", "name: a", `name: ""`, `must be a word that can be printed`, true},
	{"name of two lines", "name: a", `name: "a\nb"`, `must be a word that can be printed`, false},
	{"truth", "cores: 1", "cores: 1, neighbour_reported: 1", `want true or false`, true},
	{"list for a mapping", "{name: a, cores: 1}", "[]", `backends[0]: is an empty list, want a mapping`, true},
	{"mapping for a list", "[{name: a, cores: 1}]", "{name: a, cores: 1}", `4:11: backends: is a mapping, want a list`, true},
	{"no backends", "[{name: a, cores: 1}]", "[]", `backends: is empty`, true},
	{"null", "[{name: a, cores: 1}]", "", `backends: has no value (remove the key to take its default)`, true},
	{"alias", "[{name: a, cores: 1}]", "[&a {name: a, cores: 1}, *a]", `backends[1]: anchors and aliases are not supported`, false},
	{"duplicate key", "duration: 10s", "duration: 10s\nduration: 10s", `4:1: duration: duplicate key, first on line 3 (remove one of the two)`, false},
	{"not YAML", "duration: 10s", "duration: [", `not YAML`, false},
	{"tab", "duration: 10s", "\tduration: 10s", `not YAML`, false},

	{"kind of traffic", "kind: requests", "kind: request", `unknown value "request" (did you mean requests?)`, true},
	{"no kind", "kind: requests, ", "", `traffic[0].kind: is missing (known: requests, websockets)`, true},
	{"key of the other kind", "rate: 5/s", "rate: 5/s, clients: 3", `traffic[0].clients: unknown key`, true},
	{"no rate", "rate: 5/s, ", "", `traffic[0]: is incomplete (give one of utilization, rate)`, true},
	{"two rates", "rate: 5/s", "rate: 5/s, utilization: 0.7", `exclude each other (keep one of them)`, true},
	{"rate without a unit", "5/s", "5", `"5" is not a rate (write it as 500/s)`, true},
	{"rate of nothing", "5/s", "0/s", `must be above 0`, false},
	{"part per second without its unit", "duration: 10s", "duration: 10s\nshed: {rate: 1%}", `"1%" is not a part per second (write it as 1%/s)`, true},
	{"more than all", "duration: 10s", "duration: 10s\nshed: {rate: 200%/s}", `shed.rate: must be above 0 and at most 100%/s, is 200%/s`, false},
	{"stops above where it starts", "duration: 10s", "duration: 10s\nshed: {start_above: 1.02}", `shed.stop_below: must be at most start_above, 1.02, is 1.04`, false},
	{"order of closing", "duration: 10s", "duration: 10s\nshed: {order: eldest}", `unknown value "eldest" (did you mean oldest?)`, true},
	{"no trimtab", "duration: 10s", "duration: 10s\ntrimtabs: {count: 0}", `trimtabs.count: must be at least 1`, true},
	{"no demand", "demand: 1ms", "wait: 1ms", `traffic[0].demand: is missing`, true},
	{"free of charge", "demand: 1ms", "demand: 0s", `traffic[0].demand: costs nothing`, false},
	{"two distributions", "demand: 1ms", "demand: {exp: 1ms, const: 1ms}", `const and exp exclude each other`, true},
	{"no distribution", "demand: 1ms", "demand: {share: 1}", `is incomplete (give one of const, uniform, exp, lognormal, pareto, shifted_exp)`, true},
	{"shares", "demand: 1ms", "demand: [{share: 0.5, exp: 1ms}, {share: 0.4, exp: 1ms}]", `the shares add up to 0.9, must be 1`, false},
	{"shares of waits", "demand: 1ms", "demand: 1ms, wait: [{exp: 1ms}, {share: 0.4, exp: 1ms}]", `the shares add up to 1.4, must be at most 1`, false},
	{"uniform", "demand: 1ms", "demand: {uniform: [2ms, 1ms]}", `the least, 2ms, is above the largest, 1ms`, false},
	{"uniform of three", "demand: 1ms", "demand: {uniform: [1ms, 2ms, 3ms]}", `is a list of 3, want a list of 2`, true},
	{"quantiles", "demand: 1ms", "demand: {lognormal: {p50: 2ms, p99: 1ms}}", `must be above p50, 2ms, is 1ms`, false},
	{"infinite mean", "demand: 1ms", "demand: {pareto: {min: 2ms, shape: 1}}", `has no finite mean with 1 (give a max, or a shape above 1)`, false},
	{"pareto of nothing", "demand: 1ms", "demand: {pareto: {min: 2ms, shape: 2, max: 2ms}}", `must be above min, 2ms, is 2ms`, false},
	{"mean below the least", "demand: 1ms", "demand: {shifted_exp: {min: 2ms, mean: 1ms}}", `must be above min, 2ms, is 1ms`, false},
	{"late profile", "rate: 5/s", "rate: 5/s, profile: [{at: 1s}]", `the first point must be at 0s, is at 1s`, false},
	{"profile out of order", "rate: 5/s", "rate: 5/s, profile: [{at: 0s}, {at: 2s}, {at: 2s}]", `must be later than the point before, is 2s after 2s`, false},
	{"profile after the end", "rate: 5/s", "rate: 5/s, profile: [{at: 0s}, {at: 71s}]", `is after the end at 70s`, false},
	{"ramp of nothing", "rate: 5/s", "rate: 5/s, ramp: true", `needs a profile of two points at least`, false},

	{"same name", "cores: 1}", "cores: 1}, {name: a, cores: 2}", `backends[1].name: "a" is the name of another backend, too`, false},
	{"same name as one of a group", "cores: 1}", "cores: 1}, {name: b-2, cores: 1}, {name: b, count: 2, cores: 2}", `backends[2].name: "b-2" is the name of another backend, too`, false},
	{"too many", "cores: 1}", "cores: 1}, {name: b, count: 10000, cores: 1}", `makes it more than 10000 backends`, false},
	{"leaves first", "cores: 1", "cores: 1, joins_at: 5s, leaves_at: 5s", `leaves_at: must be later than joins_at 5s, is 5s`, false},
	{"joins too late", "cores: 1", "cores: 1, joins_at: 70s", `joins_at: must be before the end at 70s, is 70s`, false},
	{"neighbour", "cores: 1", "cores: 1, neighbour_cores: 2", `must be at most the cores, 1, is 2`, false},

	{"no capacity", "cores: 1", "cores: 1, fail: hang", `4:11: backends: there is no capacity at any time`, false},
	{"all of it a neighbour's", "cores: 1", "cores: 1, neighbour_cores: 1", `there is no capacity at any time`, false},
	{"HAProxy's key", "duration:", "proxy: {choice_count: 2}\nduration:", `3:23: proxy.choice_count: means nothing to HAProxy (remove it, or write kind: envoy)`, false},
	{"Envoy's algorithm", "duration:", "proxy: {balance: least_request}\nduration:", `HAProxy has no least_request (known: roundrobin, leastconn, random(2))`, false},
	{"HAProxy's algorithm", "duration:", "proxy: {kind: envoy, balance: leastconn}\nduration:", `Envoy has no leastconn (known: least_request, round_robin)`, false},
	{"bias of nothing", "duration:", "proxy: {kind: envoy, balance: round_robin, bias: 1}\nduration:", `proxy.bias: means nothing to round_robin`, false},
	{"choices of a scan", "duration:", "proxy: {kind: envoy, full_scan: true, choice_count: 2}\nduration:", `means nothing with full_scan`, false},
	{"one choice", "duration:", "proxy: {kind: envoy, choice_count: 1}\nduration:", `must be at least 2 and at most 100, is 1`, true},
	{"policy", "duration:", "policies: [trimtap]\nduration:", `policies[0]: unknown value "trimtap" (did you mean trimtab?)`, true},
	{"policy twice", "duration:", "policies: [a58, a58]\nduration:", `policies[1]: a58 is listed twice`, false},
	{"word for reports", "duration:", "reports: never\nduration:", `reports: is "never", want a mapping`, true},

	{"unknown backend", "duration:", "events: [{at: 1s, backend: b, speed: 2}]\nduration:", `3:28: events[0].backend: unknown backend "b"`, false},
	{"event after the end", "duration:", "events: [{at: 70s, backend: a, speed: 2}]\nduration:", `events[0].at: must be before the end at 70s, is 70s`, false},
	{"event of nothing", "duration:", "events: [{at: 1s, backend: a}]\nduration:", `events[0]: changes nothing`, false},
	{"event without a time", "duration:", "events: [{backend: a, speed: 2}]\nduration:", `events[0].at: is missing`, true},
	{"until before at", "duration:", "events: [{at: 2s, every: 1s, until: 1s, backend: a, speed: 2}]\nduration:", `until: must be later than at 2s, is 1s`, false},
	{"until of nothing", "duration:", "events: [{at: 2s, until: 3s, backend: a, speed: 2}]\nduration:", `means nothing without every`, false},
	{"neighbour of an event", "duration:", "events: [{at: 2s, backend: a, neighbour_cores: 2}]\nduration:", `leaves a with 1 cores, of which a neighbour uses 2`, false},
	{"reports of none", "duration:", "reports: none\nevents: [{at: 2s, backend: a, report_scale: 2}]\nduration:", `means nothing where the file says reports: none`, false},
	{"too many events", "duration: 10s", "duration: 168h\nevents: [{at: 2s, every: 100ms, backend: a, speed: 2}]", `makes it more than 100000 events`, false},

	{"misspelt pool", "duration: 10s\nbackends: [{name: a, cores: 1}]\ntraffic: [{kind: requests, ", "duration: 10s\npools: [{name: api}]\nbackends: [{name: a, cores: 1}]\ntraffic: [{kind: requests, pool: appi, ", `6:34: traffic[0].pool: unknown pool "appi" (did you mean api?)`, false},
	{"traffic to no pool", "duration:", "pools: [{name: api}]\nduration:", `traffic[0].pool: is missing (known: api)`, false},
	{"traffic to no pool where others are", "rate: 5/s", "rate: 5/s, demand: 1ms}, {kind: requests, pool: api, rate: 5/s", `5:11: traffic[0].pool: is missing (known: api)`, false},
	{"pool without traffic", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api}, {name: batch}]", `6:22: pools[1]: batch has no traffic`, false},
	{"pool twice", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api}, {name: api}]", `6:29: pools[1].name: "api" is the name of another pool, too`, false},
	{"pool without a name", "duration:", "pools: [{proxies: 2}]\nduration:", `3:9: pools[0].name: is missing`, true},
	{"pool of nobody", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api, backends: []}]", `6:31: pools[0].backends: is empty`, false},
	{"stranger in a pool", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api, backends: [a, b]}]", `6:35: pools[0].backends[1]: unknown backend "b"`, false},
	{"in a pool twice", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api, backends: [a, {name: a, weight: 2}]}]", `6:42: pools[0].backends[1].name: a is in the pool already`, false},
	{"one of a group twice", "{name: a, cores: 1}]", "{name: a, count: 2, cores: 1}]\npools: [{name: api, backends: [a-2, a]}]", `5:37: pools[0].backends[1]: a-2 is in the pool already`, false},
	{"in no pool", "cores: 1}]\ntraffic: [{", "cores: 1}, {name: b, cores: 1}]\npools: [{name: api, backends: [a]}]\ntraffic: [{pool: api, ", `4:33: backends[1]: b is in no pool (add it to one, or remove it)`, false},
	{"one of a group in no pool", "cores: 1}]\ntraffic: [{", "count: 2, cores: 1}]\npools: [{name: api, backends: [a-1]}]\ntraffic: [{pool: api, ", `4:12: backends[0]: a is in no pool`, false},
	{"pool that can do nothing", "cores: 1}]\ntraffic: [{", "cores: 1}, {name: b, cores: 1, fail: hang}]\npools: [{name: api, backends: [b]}, {name: batch}]\ntraffic: [{kind: requests, pool: batch, rate: 5/s, demand: 1ms}, {pool: api, ", `5:9: pools[0]: there is no capacity at any time`, false},
	{"weight in a pool", "duration:", "pools: [{name: api, backends: [{name: a, weight: 0}]}]\nduration:", `3:50: pools[0].backends[0].weight: must be above 0 and at most 256, is 0`, true},
	{"Envoy's key for a pool", "rate: 5/s, demand: 1ms}]", "rate: 5/s, pool: api, demand: 1ms}]\npools: [{name: api, proxy: {workers: 2}}]", `6:38: pools[0].proxy.workers: means nothing to HAProxy`, false},
	{"number for a backend of a pool", "duration:", "pools: [{name: api, backends: [1]}]\nduration:", `3:32: pools[0].backends[0]: is 1, want text (write "1")`, true},

	{"dear beyond all", "{kind: requests, rate: 5/s, demand: 1ms}", "{kind: websockets, clients: 2, dear: {clients: 3, every: 1s, demand: 1ms}}", `dear.clients: must be at most all clients, 2, is 3`, false},
	{"life below nothing", "{kind: requests, rate: 5/s, demand: 1ms}", "{kind: websockets, clients: 2, lifetime: {rounds: {each: 1s, drop: 0.5, last: -1s}}}", `lifetime.rounds.last: must be above −each, −1s, is -1s`, false},
	{"two lives", "{kind: requests, rate: 5/s, demand: 1ms}", "{kind: websockets, clients: 2, lifetime: {exp: 1s, rounds: {each: 1s, drop: 0.5}}}", `exp and rounds exclude each other`, true},
	{"word for a life", "{kind: requests, rate: 5/s, demand: 1ms}", "{kind: websockets, clients: 2, lifetime: long}", `is "long", want a mapping`, true},
}

func changed(old, new string) []byte {
	return []byte(strings.Replace(least, old, new, 1))
}

func TestProblems(t *testing.T) {
	for _, test := range badFiles {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("bad.yaml", changed(test.old, test.new))
			problems, ok := errors.AsType[Problems](err)
			if !ok || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("says\n%v\nwant\n%s", err, test.want)
			}
			// A missing key is a second problem where a misspelt one is the first.
			if len(problems) > 2 {
				t.Errorf("%d problems of one mistake:\n%v", len(problems), err)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := Parse("bad.yaml", []byte(`
name: bad
duraton: 10s
backends:
  - {name: a, cores: 0}
  - {name: a, core: 2}
traffic:
  - {kind: requests, utilization: 0.7, demand: {exp: 20}}
events:
  - {at: 1s, backend: c, speed: 2}
policies: [rounrobin]
`))
	problems, ok := errors.AsType[Problems](err)
	if !ok {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Path)
	}
	want := []string{
		"duration", "duraton", "backends[0].cores", "backends[1].cores", "backends[1].name", "backends[1].core",
		"traffic[0].demand.exp", "events[0].backend", "policies[0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("problems with %q, want %q:\n%v", got, want, err)
	}
}
