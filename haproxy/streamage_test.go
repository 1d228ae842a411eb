package haproxy

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]age{
		"0s":     {0, time.Second, true},
		"59s":    {59 * time.Second, time.Second, true},
		"60s":    {time.Minute, time.Second, true},
		"1m5s":   {65 * time.Second, time.Second, true},
		"2m":     {2 * time.Minute, time.Second, true},
		"59m58s": {59*time.Minute + 58*time.Second, time.Second, true},
		"1h2m":   {62 * time.Minute, time.Minute, true},
		"3h9s":   {3*time.Hour + 9*time.Second, time.Second, true},
		"1d2h":   {26 * time.Hour, time.Hour, true},
		"":       {}, "-": {}, "5": {}, "s": {}, "5x": {}, "1h2": {}, "-5s": {}, "9999999s": {}, "<NEVER>": {}, "1d2h3m": {},
	} {
		if got := parseAge([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// shown is what HAProxy prints of an age: the difference of whole seconds, two
// units of it.
func shown(began, now time.Duration) age {
	seconds := now/time.Second - began/time.Second
	a := age{seconds * time.Second, time.Second, true}
	rest, units := a.least, 0
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		if rest >= unit {
			units++
			rest %= unit
		}
		if units == 2 {
			a.least, a.unit = a.least-rest, unit
			break
		}
	}
	return a
}

func TestAgesTellOneFromItsSuccessor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := func(name string, from, to time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(int64(from), int64(to)).Draw(t, name))
		}
		began := span("began", 0, 100*time.Hour)
		longest := rapid.SampledFrom([]time.Duration{10 * time.Second, 100 * time.Hour}).Draw(t, "longest")
		listed := began + span("age when listed", 0, longest)
		// A list takes a while, and a stream is printed at some time in it.
		took := span("took", 0, streamsTimeout)
		asked := listed - span("printed after", 0, min(took, listed))
		checked := max(listed, asked+took) + span("passed", 0, relistAtLeast)
		least := checked - asked - took
		short, long := span("the clock of the list", 0, time.Second), span("that of the check", 0, time.Second)
		before := shown(began+short, listed+short)
		if after := shown(began+long, checked+long); !after.follows(before, least) {
			t.Fatalf("%v does not follow %v after %v", after, before, least)
		}
		if before.least < surelyOld+took {
			return
		}
		successor := span("successor", asked, checked)
		if after := shown(successor+long, checked+long); after.follows(before, least) {
			t.Fatalf("a successor's %v is taken for one of %v after %v", after, before, least)
		}
	})
}
