package discover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// shortestLook bounds how often a name is asked for, however short its TTL.
	shortestLook = time.Second
	// lookTimeout bounds one look with all that it asks.
	lookTimeout = 10 * time.Second
)

// DNSOptions say which name is asked for.
type DNSOptions struct {
	// Name is looked up as it is: a full name, with or without a dot at its end. No
	// search list is gone through and no hosts file is read.
	Name string
	// SRV asks for SRV records; otherwise for addresses, which are all at Port.
	SRV  bool
	Port int
	// Server is the host:port of a resolver. Default: those of /etc/resolv.conf, which
	// is read at each look.
	Server string
	// Period is the longest time between two looks, whatever the TTL. Default 30 s.
	Period time.Duration
	// Logger is told of lists and of trouble. Default: none.
	Logger *slog.Logger
}

// DNS takes a pool's backends from DNS.
//
// It asks again when the shortest TTL of an answer is over, but no sooner than after
// a second and no later than after Period, give or take a tenth; after a failure,
// after one second, two, four and so on.
//
// SRV records: those with the lowest priority value are the pool, as RFC 2782 has
// clients use no others while one of these can be reached; the rest is not looked at.
// Weights become capacities, 0 counting as 1. A backend is named after its record's
// target and port, or its address where the target has several. A target without an
// address is left out, and keeps those that it had while it cannot be looked up. For
// addresses (A and AAAA), a backend is named after its address, and all are alike.
//
// github.com/miekg/dns asks, as Go's resolver tells no TTL.
type DNS struct {
	*journal
	options DNSOptions
	ask     resolver
	// addresses are what targets had, by target.
	addresses map[string][]string
}

// NewDNS returns a discoverer that Run starts.
func NewDNS(o DNSOptions) (*DNS, error) {
	if _, ok := dns.IsDomainName(o.Name); !ok || o.Name == "" {
		return nil, fmt.Errorf("dns: %q is not a name", o.Name)
	}
	if !o.SRV && (o.Port < 1 || o.Port > 65535) {
		return nil, fmt.Errorf("dns %s: port %d: addresses need one, 1 to 65535", o.Name, o.Port)
	}
	if o.Server != "" {
		if _, _, err := net.SplitHostPort(o.Server); err != nil {
			return nil, fmt.Errorf("dns %s: server: %w", o.Name, err)
		}
	}
	if o.Period <= 0 {
		o.Period = 30 * time.Second
	}
	return &DNS{
		journal: newJournal("dns:"+strings.TrimSuffix(o.Name, "."), o.Logger), options: o,
		ask: resolver{server: o.Server}, addresses: map[string][]string{},
	}, nil
}

// Run implements tuner.Discoverer.
func (d *DNS) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	if list := d.known(); list != nil && !send(ctx, out, list) {
		return nil // it was told before a restart, to nobody who is still there
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	pause := shortestLook
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		list, ttl, err := d.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		next := min(max(ttl, shortestLook), max(d.options.Period, shortestLook))
		if err != nil {
			d.failed(err)
			next = min(pause, d.options.Period)
			pause = min(2*pause, d.options.Period)
		} else {
			pause = shortestLook
			if d.found(list, time.Now()) && !send(ctx, out, list) {
				return nil
			}
		}
		// Those who began together do not stay together.
		timer.Reset(next - next/10 + rand.N(next/5+1))
	}
}

// look asks for the whole list once, and says for how long it holds.
func (d *DNS) look(ctx context.Context) (list []scorer.Backend, ttl time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if d.options.SRV {
		list, ttl, err = d.services(ctx)
	} else {
		list, ttl, err = d.hosts(ctx)
	}
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("look up %s: %w", d.options.Name, err)
	case len(list) == 0:
		return nil, 0, fmt.Errorf("look up %s: %w", d.options.Name, errNoRecord)
	case len(list) > maxBackends:
		return nil, 0, fmt.Errorf("look up %s: %d backends: at most %d", d.options.Name, len(list), maxBackends)
	}
	return list, ttl, nil
}

var errNoRecord = errors.New("the name has no record of that type")

// hosts are the name's addresses.
func (d *DNS) hosts(ctx context.Context) ([]scorer.Backend, time.Duration, error) {
	addresses, ttl, err := d.ask.addresses(ctx, d.options.Name)
	if err != nil {
		return nil, 0, err
	}
	var list []scorer.Backend
	for _, ip := range addresses {
		at := net.JoinHostPort(ip, strconv.Itoa(d.options.Port))
		list = append(list, scorer.Backend{Name: at, Address: at, Capacity: 1})
	}
	return sorted(list), ttl, nil
}
