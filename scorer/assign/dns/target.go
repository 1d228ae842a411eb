package dns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

const (
	defaultTTL     = 5 * time.Second
	defaultService = "_http._tcp"
	// maxTTL keeps a resolver from sending everybody to one backend for long.
	maxTTL = time.Hour
)

// Options describe a zone. The zero value of a field but Name means its default.
type Options struct {
	// Name is the zone's, such as farm.example.
	Name string
	// TTL is how long an answer may be kept, whole seconds from 1 s to 1 h. Default 5 s.
	TTL time.Duration
	// Service is below which name SRV records are. Default _http._tcp.
	Service string
	// NameServers are the zone's, and their addresses where they are in the zone
	// themselves. Default: ns below the zone's name, with the address that the server
	// listens on if it is one.
	NameServers map[string]netip.Addr
	// Rate is how often networks of /24 and /56 are answered over UDP; its zero value
	// is without limit.
	Rate ratelimit.Config
	// Placement is how clients are placed. Source and Follow are set by the target.
	Placement assign.Config
}

// Target is one pool's target: it follows the pool's plans and answers for a zone.
// It is safe for concurrent use.
type Target struct {
	server    *Server
	pool      string
	options   Options
	ttl       uint32
	placement *assign.Placement
	limiter   *ratelimit.Limiter
	zone      atomic.Pointer[zone]
	serial    atomic.Uint32
	limited   atomic.Uint64
	backends  atomic.Pointer[[]scorer.Backend] // as they were told, nil before
}

var serviceForm = regexp.MustCompile(`^_[A-Za-z0-9-]{1,15}\._(?:tcp|udp|TCP|UDP)$`)

// Target returns a target for a pool. It answers nothing before it is applied; of
// two targets of one zone, the one that was applied last answers.
func (s *Server) Target(pool string, o Options) (*Target, error) {
	if err := o.complete(s.host()); err != nil {
		return nil, fmt.Errorf("%s: pool %s: %w", s.Name(), pool, err)
	}
	t := &Target{
		server: s, pool: pool, options: o, ttl: uint32(o.TTL / time.Second),
		placement: assign.New(o.Placement), limiter: ratelimit.New(o.Rate),
	}
	t.zone.Store(newZone(&t.options, nil))
	return t, nil
}

// host is the address that the server listens on, not valid for all of a machine's.
func (s *Server) host() netip.Addr {
	host, _, _ := net.SplitHostPort(s.config.Listen)
	address, err := netip.ParseAddr(host)
	if err != nil || address.IsUnspecified() {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

func (o *Options) complete(host netip.Addr) error {
	name, err := Zone(o.Name)
	if err != nil {
		return err
	}
	o.Name = name
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.TTL < time.Second || o.TTL > maxTTL || o.TTL%time.Second != 0 {
		return fmt.Errorf("ttl %s: must be whole seconds, 1s to %s", o.TTL, maxTTL)
	}
	if o.Service == "" {
		o.Service = defaultService
	}
	if !IsService(o.Service) {
		return fmt.Errorf("service %q: is not of the form _http._tcp", o.Service)
	}
	servers := map[string]netip.Addr{}
	for name, address := range o.NameServers {
		full, err := Zone(name)
		if err != nil {
			return fmt.Errorf("name server: %w", err)
		}
		if full == o.Name {
			return fmt.Errorf("name server %q: has the zone's own name, whose addresses are the backends'", name)
		}
		servers[full] = address.Unmap()
	}
	if len(servers) == 0 {
		servers["ns."+o.Name] = host
	}
	o.NameServers = servers
	o.Rate.IPv4, o.Rate.IPv6 = 24, 56
	o.Placement.Source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	o.Placement.Follow = o.TTL
	return nil
}

// IsService says whether SRV records can be below a name, such as _http._tcp.
func IsService(name string) bool { return serviceForm.MatchString(name) }

// errName is a name that no zone can have.
var errName = errors.New("is not the name of a zone")

// Zone returns a zone's name as the server uses it: in lower case, with a dot at the
// end.
func Zone(name string) (string, error) {
	_, ok := miekg.IsDomainName(name)
	if !ok || strings.Trim(name, ".") == "" || strings.ContainsFunc(name, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`\"();@$*`, c)
	}) || len(name) > maxName {
		return "", fmt.Errorf("%q %w", name, errName)
	}
	return miekg.CanonicalName(name), nil
}

// maxName leaves room for a backend's label.
const maxName = 180

// Name is how people know the target.
func (t *Target) Name() string {
	return t.server.Name() + "/" + strings.TrimSuffix(t.options.Name, ".")
}

// SetBackends says where the backends are. A backend whose address is a name is in no
// answer.
func (t *Target) SetBackends(backends []scorer.Backend) {
	told := slices.Clone(backends)
	t.backends.Store(&told)
	var addressed []scorer.Backend
	for _, b := range backends {
		if _, err := netip.ParseAddrPort(b.Address); err != nil {
			b.Address = ""
		}
		addressed = append(addressed, b)
	}
	t.zone.Store(newZone(&t.options, addressed))
	t.placement.SetBackends(addressed)
}

// Apply implements tuner.Target. What is in force is whom answers are drawn by.
func (t *Target) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	in, err := t.placement.Apply(ctx, p)
	if !p.At.IsZero() {
		t.serial.Store(uint32(p.At.Unix()))
	}
	t.server.post(t)
	return in, err
}

// Succeed answers at once, going on from where the target of the same pool before it
// is.
func (t *Target) Succeed(before *Target) {
	if before.pool == t.pool {
		if known := before.backends.Load(); known != nil && t.backends.Load() == nil {
			t.SetBackends(*known) // they have names of the new zone
		}
		t.placement.Succeed(before.placement)
		t.serial.Store(before.serial.Load())
		t.server.post(t)
	}
}

// Close takes the zone down, unless another target has taken its place.
func (t *Target) Close() { t.server.remove(t) }

// Stats are counts since the start, for metrics.
type Stats struct {
	Pool string
	// Assigned is by backend, of those in the pool now: answers with its address at
	// the zone's own name.
	Assigned map[string]uint64
	// Refused is by reason: no_plan, no_backend or rate_limit.
	Refused map[string]uint64
}

// Stats returns what was counted.
func (t *Target) Stats() Stats {
	s := t.placement.Stats()
	return Stats{Pool: t.pool, Assigned: s.Assigned, Refused: map[string]uint64{
		"no_plan": s.NoPlan, "no_backend": s.NoBackend, "rate_limit": t.limited.Load(),
	}}
}

// post makes the target the one that answers for its zone.
func (s *Server) post(t *Target) {
	if (*s.zones.Load())[t.options.Name] == t {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.zones.Load())
	next[t.options.Name] = t
	s.zones.Store(&next)
}

func (s *Server) remove(t *Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := maps.Clone(*s.zones.Load())
	if next[t.options.Name] == t {
		delete(next, t.options.Name)
		s.zones.Store(&next)
	}
}
