package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Unix(1_000_000, 0)

func TestBurstThenRate(t *testing.T) {
	l := New(Config{PerSecond: 2, Burst: 3})
	client := netip.MustParseAddr("192.0.2.1")
	for i := range 3 {
		if ok, _ := l.Allow(start, client); !ok {
			t.Fatalf("refused number %d of a burst of 3", i+1)
		}
	}
	ok, after := l.Allow(start, client)
	if ok || after != 500*time.Millisecond {
		t.Fatalf("the fourth at once: %v, wait %v; want refused, 500ms", ok, after)
	}
	if ok, _ := l.Allow(start.Add(after), client); !ok {
		t.Error("refused after the wait that it was told")
	}
	if ok, _ := l.Allow(start, netip.MustParseAddr("192.0.2.2")); !ok {
		t.Error("another client pays for the first")
	}
}

// Limits of any size are kept, and those that a time cannot hold are as good as never.
func TestExtremes(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  Config
		allowed int
	}{
		{"one in 300 years", Config{PerSecond: 1e-10, Burst: 1}, 1},
		{"many at once, seldom", Config{PerSecond: 0.01, Burst: 1_000_000_000}, 100},
		{"more than one a nanosecond", Config{PerSecond: 1e12, Burst: 100}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(c.config)
			allowed := 0
			for range 100 {
				if ok, _ := l.Allow(start, netip.MustParseAddr("192.0.2.1")); ok {
					allowed++
				}
			}
			if allowed != c.allowed {
				t.Errorf("%d of 100 at once were allowed, want %d", allowed, c.allowed)
			}
		})
	}
}

// A clock that is set back by an hour does not lock anybody out for as long.
func TestClockIsSetBack(t *testing.T) {
	l := New(Config{PerSecond: 2, Burst: 3})
	client := netip.MustParseAddr("192.0.2.1")
	for range 3 {
		l.Allow(start.Add(time.Hour), client)
	}
	if ok, after := l.Allow(start, client); !ok && after > 500*time.Millisecond {
		t.Fatalf("has to wait for %v after the clock was set back, want 500ms at most", after)
	}
	if ok, after := l.Allow(start.Add(500*time.Millisecond), client); !ok {
		t.Errorf("refused half a second later, for %v more", after)
	}
}

func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		config              Config
		same                bool
	}{
		{"IPv6 of one /64", "2001:db8::1", "2001:db8::ffff:1", Config{}, true},
		{"IPv6 of two", "2001:db8::1", "2001:db8:0:1::1", Config{}, false},
		{"IPv4 /24", "192.0.2.1", "192.0.2.200", Config{IPv4: 24}, true},
		{"IPv4 in IPv6", "192.0.2.1", "::ffff:192.0.2.1", Config{}, true},
		{"exempt", "10.0.0.1", "10.0.0.1", Config{Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, false},
		{"no address", "", "", Config{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.PerSecond = 1
			l := New(c.config)
			first, _ := netip.ParseAddr(c.first)
			second, _ := netip.ParseAddr(c.second)
			l.Allow(start, first)
			if ok, _ := l.Allow(start, second); ok == c.same {
				t.Errorf("%s after %s: allowed %v", c.second, c.first, ok)
			}
		})
	}
}

func TestNoLimit(t *testing.T) {
	l := New(Config{})
	for range 1000 {
		if ok, _ := l.Allow(start, netip.MustParseAddr("192.0.2.1")); !ok {
			t.Fatal("refused without a limit")
		}
	}
}

// Whoever comes from ever new networks neither makes it grow nor frees one that has
// used up what it may.
func TestManyNetworks(t *testing.T) {
	l := New(Config{PerSecond: 1, Burst: 50})
	greedy := netip.MustParseAddr("192.0.2.1")
	for range 50 {
		l.Allow(start, greedy)
	}
	var address [16]byte
	address[0] = 0x20
	for i := range uint64(200_000) {
		binary.BigEndian.PutUint64(address[:8], 0x2001_0db8<<32|i)
		l.Allow(start, netip.AddrFrom16(address))
	}
	if ok, _ := l.Allow(start, greedy); ok {
		t.Error("forgotten for others that used less")
	}
	if len(l.sets) != defaultSets {
		t.Errorf("%d sets, want %d", len(l.sets), defaultSets)
	}
}

// In any time a client is served no more often than burst and rate say.
func TestBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.1, 1000).Draw(t, "rate")
		burst := rapid.IntRange(1, 100).Draw(t, "burst")
		l := New(Config{PerSecond: rate, Burst: burst})
		client := netip.MustParseAddr("192.0.2.1")
		now, served := start, 0
		for range rapid.IntRange(1, 500).Draw(t, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2_000_000).Draw(t, "microseconds")) * time.Microsecond)
			if ok, _ := l.Allow(now, client); ok {
				served++
			}
		}
		if most := float64(burst) + 1.000001*rate*now.Sub(start).Seconds(); float64(served) > most {
			t.Fatalf("served %d times in %v, want at most %v", served, now.Sub(start), most)
		}
	})
}

func BenchmarkAllow(b *testing.B) {
	l := New(Config{PerSecond: 1, Burst: 1})
	client := netip.MustParseAddr("192.0.2.1")
	for b.Loop() {
		l.Allow(start, client)
	}
}
