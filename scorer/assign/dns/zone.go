package dns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
)

// zone is what names a zone has; all are in lower case and fully qualified.
type zone struct {
	apex, service string
	servers       []string
	// names has an entry for each name that exists, also for those that only have
	// others below them. The address is not valid where the name has none.
	names map[string]netip.Addr
	// backends are the names of backends.
	backends map[string]string
}

// newZone makes the names of a zone's servers and backends.
func newZone(o *Options, backends []scorer.Backend) *zone {
	z := &zone{apex: o.Name, names: map[string]netip.Addr{}, backends: map[string]string{}}
	z.add(z.apex, netip.Addr{})
	if o.Service != "" {
		z.service = strings.ToLower(o.Service) + "." + z.apex
		z.add(z.service, netip.Addr{})
	}
	for name, address := range o.NameServers {
		z.servers = append(z.servers, name)
		if miekg.IsSubDomain(z.apex, name) {
			z.add(name, address)
		}
	}
	slices.Sort(z.servers)
	for _, b := range backends {
		at, err := netip.ParseAddrPort(b.Address)
		if err != nil {
			continue // a name is for others to resolve
		}
		name := label(b.Name) + "." + z.apex
		if _, taken := z.names[name]; taken {
			name = fmt.Sprintf("%.40s-%08x.%s", label(b.Name), uint32(xxhash.Sum64String(b.Name)), z.apex)
		}
		z.backends[b.Name] = name
		z.add(name, at.Addr().Unmap())
	}
	return z
}

// add makes a name, and those between it and the zone's.
func (z *zone) add(name string, address netip.Addr) {
	z.names[name] = address
	for name != z.apex {
		at, end := miekg.NextLabel(name, 0)
		if end {
			return
		}
		name = name[at:]
		if _, there := z.names[name]; !there {
			z.names[name] = netip.Addr{}
		}
	}
}

// label makes a host name's label of a backend's name.
func label(name string) string {
	clean := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		default:
			return '-'
		}
	}, name)
	clean = strings.Trim(clean[:min(len(clean), 63)], "-")
	if clean == "" {
		return fmt.Sprintf("b-%08x", uint32(xxhash.Sum64String(name)))
	}
	return clean
}
