package discover

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/scorer"
)

// lookupsAtOnce bounds how many targets are looked up at the same time.
const lookupsAtOnce = 8

// services are the backends of the name's SRV records.
func (d *DNS) services(ctx context.Context) ([]scorer.Backend, time.Duration, error) {
	answer, ttl, err := d.ask.exchange(ctx, d.options.Name, dns.TypeSRV)
	if err != nil {
		return nil, 0, err
	}
	records := preferred(answer)
	if len(records) > maxBackends {
		return nil, 0, fmt.Errorf("%d records: at most %d", len(records), maxBackends)
	}
	ttl, err = d.resolve(ctx, records, ttl)
	if err != nil {
		return nil, 0, err
	}
	byAddress := map[string]scorer.Backend{}
	for _, r := range records {
		addresses := d.addresses[r.Target]
		for _, ip := range addresses {
			b := scorer.Backend{Address: net.JoinHostPort(ip, strconv.Itoa(int(r.Port))), Capacity: float64(max(r.Weight, 1))}
			b.Name = b.Address
			if len(addresses) == 1 {
				b.Name = strings.TrimSuffix(r.Target, ".") + ":" + strconv.Itoa(int(r.Port))
			}
			// Two records of one place are one backend, as strong as both say.
			if before, again := byAddress[b.Address]; again {
				b.Capacity += before.Capacity
				b.Name = min(b.Name, before.Name)
			}
			byAddress[b.Address] = b
		}
	}
	return sorted(slices.Collect(maps.Values(byAddress))), ttl, nil
}

// preferred are the SRV records of the lowest priority value, in one order. A target
// of "." says that there is no such service; one that is no host name would be a
// name that nobody can write.
func preferred(answer []dns.RR) []*dns.SRV {
	var out []*dns.SRV
	lowest := uint16(math.MaxUint16)
	for _, rr := range answer {
		if r, ok := rr.(*dns.SRV); ok && r.Target != "." && r.Port > 0 && nameForm.MatchString(r.Target) {
			out = append(out, r)
			lowest = min(lowest, r.Priority)
		}
	}
	out = slices.DeleteFunc(out, func(r *dns.SRV) bool { return r.Priority != lowest })
	for _, r := range out {
		r.Target = dns.CanonicalName(r.Target)
	}
	slices.SortFunc(out, func(a, b *dns.SRV) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), cmp.Compare(a.Port, b.Port))
	})
	return out
}

// resolve brings the targets' addresses up to date, and returns for how long all of
// it holds. It fails when nothing at all is known of any target.
func (d *DNS) resolve(ctx context.Context, records []*dns.SRV, ttl time.Duration) (time.Duration, error) {
	found := map[string][]string{}
	var failed error
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(lookupsAtOnce)
	for i, r := range records {
		if i > 0 && records[i-1].Target == r.Target {
			continue
		}
		group.Go(func() error {
			addresses, holds, err := d.ask.addresses(ctx, r.Target)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = fmt.Errorf("target %s: %w", r.Target, err)
				addresses, holds = d.addresses[r.Target], shortestLook
			}
			found[r.Target] = addresses
			ttl = min(ttl, holds)
			return nil
		})
	}
	_ = group.Wait() // errors are kept beside the addresses
	known := 0
	for _, addresses := range found {
		known += len(addresses)
	}
	if known == 0 && failed != nil {
		return 0, failed
	}
	d.addresses = found
	if failed != nil {
		d.log.Warn("a target cannot be looked up; it keeps the addresses that it had", "error", failed)
	}
	return ttl, nil
}

func sorted(list []scorer.Backend) []scorer.Backend {
	slices.SortFunc(list, func(a, b scorer.Backend) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Address, b.Address))
	})
	return list
}
