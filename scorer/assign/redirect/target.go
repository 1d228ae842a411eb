package redirect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

// Answer is how clients are told.
type Answer string

const (
	// AnswerAuto is JSON for who accepts that and asks for no WebSocket, otherwise a
	// redirect.
	AnswerAuto Answer = "auto"
	// AnswerRedirect is always 307 and a Location.
	AnswerRedirect Answer = "redirect"
	// AnswerJSON is JSON for all but WebSocket handshakes, which can only be
	// redirected.
	AnswerJSON Answer = "json"
)

// defaultRetryAfter is when a client that was sent nowhere should ask again.
const defaultRetryAfter = 5 * time.Second

// Options describe a target. The zero value of a field but URL means its default.
type Options struct {
	// URL is where clients are sent, such as "ws://{address}{path}": see [Template].
	URL string
	// Answer defaults to AnswerAuto.
	Answer Answer
	// Key is what makes a client sticky: see [Key]. Default: nothing.
	Key string
	// Origins are those of the pages that may read answers (CORS): see [ParseOrigin].
	// Browsers send cookies for pages of origins that are named. Default: none.
	Origins []string
	// TrustedProxies are those whose X-Forwarded-For is believed. Default: nobody's.
	TrustedProxies []netip.Prefix
	// Rate is how often one client is answered; default without limit.
	Rate ratelimit.Config
	// RetryAfter is when to ask again after having been sent nowhere; clients are
	// told between this and twice this, so that they do not come back together.
	// Default 5 s.
	RetryAfter time.Duration
	// Placement is how clients are placed; its Source is set by the target.
	Placement assign.Config
}

// Target is one pool's target: it follows the pool's plans and answers clients. It
// is safe for concurrent use.
type Target struct {
	server    *Server
	pool      string
	options   Options
	template  Template
	key       Key
	origins   []string
	placement *assign.Placement
	limiter   *ratelimit.Limiter
	backends  atomic.Pointer[[]scorer.Backend] // as they were told, nil before
	refused   struct{ rate, malformed atomic.Uint64 }
}

// Target returns a target for a pool. It answers nobody before it is
// applied; of two targets of one server, the one that was applied last answers.
func (s *Server) Target(pool string, o Options) (*Target, error) {
	fail := func(err error) (*Target, error) {
		return nil, fmt.Errorf("%s: pool %s: %w", s.Name(), pool, err)
	}
	template, err := ParseTemplate(o.URL)
	if err != nil {
		return fail(err)
	}
	key, err := ParseKey(o.Key)
	if err != nil {
		return fail(err)
	}
	var origins []string
	for _, text := range o.Origins {
		origin, err := ParseOrigin(text)
		if err != nil {
			return fail(err)
		}
		origins = append(origins, origin)
	}
	switch o.Answer {
	case "":
		o.Answer = AnswerAuto
	case AnswerAuto, AnswerRedirect, AnswerJSON:
	default:
		return fail(fmt.Errorf("answer %q is none of %s, %s and %s", o.Answer, AnswerAuto, AnswerRedirect, AnswerJSON))
	}
	if o.RetryAfter <= 0 {
		o.RetryAfter = defaultRetryAfter
	}
	o.Placement.Source = rand.NewPCG(rand.Uint64(), rand.Uint64())
	return &Target{
		server: s, pool: pool, options: o, template: template, key: key, origins: origins,
		placement: assign.New(o.Placement), limiter: ratelimit.New(o.Rate),
	}, nil
}

// Name is how people know the target.
func (t *Target) Name() string { return t.server.Name() }

// SetBackends says where the backends are.
func (t *Target) SetBackends(backends []scorer.Backend) {
	told := slices.Clone(backends)
	t.backends.Store(&told)
	backends = slices.Clone(backends)
	for i := range backends {
		b := &backends[i]
		if b.Address == "" {
			continue
		}
		if err := t.template.check(b.Name, b.Address); err != nil {
			t.server.log.Error("clients cannot be sent to the backend", "pool", t.pool, "backend", b.Name, "error", err)
			b.Address = ""
		}
	}
	t.placement.SetBackends(backends)
}

// Apply implements tuner.Target. What is in force is whom clients are drawn by.
func (t *Target) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	in, err := t.placement.Apply(ctx, p)
	t.server.current.Store(t)
	return in, err
}

// Succeed answers at once, going on from where the target of the same pool before it
// is.
func (t *Target) Succeed(before *Target) {
	if before.pool == t.pool {
		if known := before.backends.Load(); known != nil && t.backends.Load() == nil {
			t.SetBackends(*known) // which of them make URLs is for each to say
		}
		t.placement.Succeed(before.placement)
		t.server.current.Store(t)
	}
}

// Close ends the target's answers, unless another one has taken its place: clients
// are told to ask again.
func (t *Target) Close() { t.server.current.CompareAndSwap(t, nil) }

// Stats are counts since the start, for metrics.
type Stats struct {
	Pool string
	// Assigned is by backend, of those in the pool now.
	Assigned map[string]uint64
	// Refused is by reason: no_plan, no_backend, full, rate_limit or malformed.
	Refused map[string]uint64
}

// Stats returns what was counted.
func (t *Target) Stats() Stats {
	s := t.placement.Stats()
	return Stats{Pool: t.pool, Assigned: s.Assigned, Refused: map[string]uint64{
		"no_plan": s.NoPlan, "no_backend": s.NoBackend, "full": s.Full,
		"rate_limit": t.refused.rate.Load(), "malformed": t.refused.malformed.Load(),
	}}
}
