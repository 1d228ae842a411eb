package xds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/loadstats"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

const (
	// answerTime is how long a client may take to accept endpoints before that is
	// called trouble.
	answerTime = 2 * time.Second
	// maxPulse bounds how long one backend's pulse holds up the next plan.
	maxPulse = 800 * time.Millisecond
)

// originOf is what load reports of a view's clients come from: those of the other
// view have other weights in force.
func originOf(view string) string {
	if view == viewGRPC {
		return loadstats.OriginGRPC + "*"
	}
	return loadstats.OriginEnvoy + "*"
}

var (
	errNobody     = errors.New("nobody is connected")
	errUnwatched  = errors.New("nobody asks for its endpoints")
	errNoMembers  = errors.New("it is not known yet who is in the pool")
	errNotYetSent = errors.New("endpoints wait for the first plans of other pools")
)

// view is what one kind of client is served of a pool.
type view interface {
	Update(resource.Update) (resource.Served, error)
	Memory() resource.Memory
	Recall(resource.Memory)
}

// Target is one pool as Envoys, or as gRPC clients, know it. It implements
// tuner.Target.
type Target struct {
	server     *Server
	pool, name string
	view       string
	tap        *tap
	statics    []resource.Resource
	// algorithm is what clients balance by.
	algorithm scorer.Algorithm
	// warnings are what no plan changes.
	warnings []string
	// basis is what endpoints have to be sent again for when it changes.
	basis []byte
	// inherited are the endpoints that a predecessor has published, which are served
	// until there is a plan.
	inherited []byte

	mu       sync.Mutex
	members  []resource.Endpoint
	joined   bool
	departed departures

	// serving guards served, and remembers that it has something to remember.
	serving  sync.Mutex
	served   view
	remember bool

	// Owned by Apply.
	balancing resource.Balancing
	last      scorer.Plan
	body      []byte
	sent      time.Time
}

// EnvoyOptions describe a pool to Envoys.
type EnvoyOptions struct {
	// Cluster is the cluster, and Balancing what it has where Envoy's own
	// configuration says so.
	Cluster   resource.ClusterConfig
	Balancing resource.Balancing
	// Listener is nil where Envoy has its own.
	Listener *resource.ListenerConfig
}

// EnvoyTarget returns a target for a pool. Nothing is served before
// [Server.Serve] has it.
func (s *Server) EnvoyTarget(pool string, o EnvoyOptions) (*Target, error) {
	cluster, err := o.Cluster.Cluster()
	if err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	t := &Target{server: s, pool: pool, name: o.Cluster.Name, view: viewEnvoy, tap: s.tapOf(pool), statics: []resource.Resource{cluster}, basis: cluster.Body}
	if o.Listener != nil {
		more, err := o.Listener.Resources()
		if err != nil {
			return nil, fmt.Errorf("xds: %w", err)
		}
		t.statics = append(t.statics, more...)
		if o.Listener.TCP && !o.Cluster.CloseOnFailure {
			t.warnings = append(t.warnings, "nothing closes the TCP connections of a backend that fails: health_check: {close_connections: true} does")
		}
	}
	t.balancing, t.algorithm = o.Balancing, o.Balancing.Algorithm()
	t.served, err = resource.NewEnvoy(resource.EnvoyConfig{Pool: pool, Service: t.name, Balancing: o.Balancing})
	if err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	return t, nil
}

// GRPCTarget returns a target for a pool that clients dial as xds:///service.
// Nothing is served before [Server.Serve] has it.
func (s *Server) GRPCTarget(pool, service string) (*Target, error) {
	statics, err := resource.GRPCService{Name: service, ReportLoad: true}.Resources()
	if err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	t := &Target{server: s, pool: pool, name: service, view: viewGRPC, tap: s.tapOf(pool), statics: statics, algorithm: scorer.RoundRobin}
	for _, r := range statics {
		if r.Type == resource.ClusterType {
			t.basis = r.Body
		}
	}
	if t.served, err = resource.NewGRPC(pool, service); err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	return t, nil
}

// Name is how people know the target.
func (t *Target) Name() string { return t.view + ":" + t.name }

// SetBackends says who is in the pool. It may be called at any time. That nobody is
// left is not believed: whoever knows the members may be away, and an empty cluster
// would answer everything with an error.
func (t *Target) SetBackends(backends []scorer.Backend) {
	if len(backends) == 0 {
		return
	}
	list := make([]resource.Endpoint, 0, len(backends))
	for _, b := range backends {
		list = append(list, resource.Endpoint{Backend: b.Name, Address: b.Address, Capacity: b.Capacity})
	}
	t.mu.Lock()
	t.departed.note(t.members, list, time.Now())
	changed := !t.joined || !slices.Equal(list, t.members)
	t.members, t.joined = list, true
	t.mu.Unlock()
	if changed {
		t.server.mu.Lock()
		defer t.server.mu.Unlock()
		t.server.remap()
	}
}

// Succeed goes on from where another target of the same name has ended, which a
// reload has replaced: from who was in the pool and who has left it, and from what
// was served, unless the cluster balances otherwise now. It is called before the
// first SetBackends and Apply.
func (t *Target) Succeed(before *Target) {
	if before.server != t.server || before.view != t.view || before.name != t.name {
		return
	}
	before.mu.Lock()
	t.members, t.joined, t.departed = before.members, before.joined, before.departed
	before.mu.Unlock()
	before.tap.watch(before, nil)
	switch {
	case !before.balancing.Same(t.balancing):
	case before.pool == t.pool:
		t.served, t.last, t.remember = before.served, before.last, before.remember
		if t.inherited = before.body; t.inherited == nil {
			t.inherited = before.inherited
		}
	case before.remember:
		t.served.Recall(before.served.Memory())
		t.remember = true
	}
}

// known are the endpoints that load reports may name.
func (t *Target) known() []resource.Endpoint {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(t.members)
	for _, d := range t.departed.list {
		out = append(out, d.Endpoint)
	}
	return out
}

// Apply implements tuner.Target. It publishes and does not wait for clients: who
// has not taken what it was sent some time later is an error of the next call.
func (t *Target) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	out := t.unknown()
	if len(p.Decisions) == 0 {
		return out, nil // before the first plan nothing is known that would be better than what clients have
	}
	pulses := p.Mode != scorer.DryRun && slices.ContainsFunc(p.Decisions, func(d scorer.Decision) bool { return d.Pulse > 0 })
	if pulses {
		if err := t.pulse(ctx, p); err != nil {
			return out, err
		}
	}
	inForce, err := t.publish(p)
	if err != nil {
		return inForce, err
	}
	return inForce, t.trouble()
}

// unknown is what is in force as far as no plan decides it. A pool that did not know
// the algorithm would believe latency where it shows queues.
func (t *Target) unknown() scorer.InForce {
	return scorer.InForce{Origin: originOf(t.view), Algorithm: t.algorithm}
}

// pulse lets ejected backends take work for a moment. All pulses of a plan have the
// length of the longest: what follows is one more publication.
func (t *Target) pulse(ctx context.Context, p scorer.Plan) error {
	open := p
	open.Decisions = slices.Clone(p.Decisions)
	length := time.Duration(0)
	for i := range open.Decisions {
		if d := &open.Decisions[i]; d.Pulse > 0 {
			length = max(length, d.Pulse)
			d.State, d.Pulse = scorer.StateReady, 0
		}
	}
	if _, err := t.publish(open); err != nil {
		return err
	}
	timer := time.NewTimer(min(length, maxPulse))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // the end is published all the same
	}
	return nil
}

func (t *Target) publish(p scorer.Plan) (scorer.InForce, error) {
	t.mu.Lock()
	members, joined, departed := t.members, t.joined, t.departed.current(t.tap.inFlight, time.Now())
	t.tap.watch(t, t.departed.names())
	t.mu.Unlock()
	if !joined {
		return t.unknown(), fmt.Errorf("%s: %w", t.Name(), errNoMembers)
	}
	t.serving.Lock()
	served, err := t.served.Update(resource.Update{Plan: p, Kind: p.Kind, Endpoints: members, Departed: departed})
	t.remember = t.remember || err == nil
	t.serving.Unlock()
	if err != nil {
		return t.unknown(), fmt.Errorf("%s: %w", t.Name(), err)
	}
	t.last = p
	out := served.InForce
	out.Origin = originOf(t.view)
	if !t.server.discovery.Watched(t.view, resource.AssignmentType, t.name) {
		// Nobody has it, so that it says nothing of what is in force.
		out.Shares = nil
	}
	out.Pulses = len(out.Shares) > 0
	out.Warnings = append(out.Warnings, t.warnings...)
	if served.Changed {
		t.body, t.sent = nil, time.Now()
	}
	if t.body == nil {
		ok, err := t.server.publish(t, served.Body)
		if err != nil {
			return out, fmt.Errorf("%s: %w", t.Name(), err)
		}
		if !ok {
			return out, fmt.Errorf("%s: %w", t.Name(), errNotYetSent)
		}
		t.body = served.Body
	}
	return out, nil
}

// trouble is why clients do not have what was published.
func (t *Target) trouble() error {
	list, watching := t.server.discovery.Lagging(t.view, resource.AssignmentType, t.name)
	if watching == 0 {
		return fmt.Errorf("%s: %w", t.Name(), t.unwatched(t.server.discovery.Connected(t.view)))
	}
	now := time.Now()
	list = slices.DeleteFunc(list, func(w discovery.Watch) bool {
		return w.Rejected == nil && (!w.Due || now.Sub(silentSince(w, t.sent)) <= answerTime)
	})
	slices.SortFunc(list, func(a, b discovery.Watch) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.Peer, b.Peer))
	})
	var errs []error
	for _, w := range list {
		if w.Rejected != nil {
			errs = append(errs, fmt.Errorf("%s: node %s rejects its endpoints: %s", t.Name(), w.Node, w.Rejected.Error))
		} else {
			errs = append(errs, fmt.Errorf("%s: node %s has not answered for %s", t.Name(), w.Node, now.Sub(silentSince(w, t.sent)).Round(time.Second)))
		}
	}
	return errors.Join(firstOf(errs)...)
}

// silentSince is since when a client that is due has said nothing, of a target whose
// endpoints were published last at a time. A client that does not answer is sent
// nothing more, however often they are published after that.
func silentSince(w discovery.Watch, published time.Time) time.Time {
	since := published
	if !w.Unanswered.IsZero() {
		since = w.Unanswered
	}
	if w.Requested.After(since) {
		return w.Requested
	}
	return since
}

// unwatched is why nobody asks for the target's endpoints. Names that nobody has
// are most likely what somebody has mistyped.
func (t *Target) unwatched(connected int) error {
	if connected == 0 {
		return fmt.Errorf("%w to %s", errNobody, t.server.Name())
	}
	const shown = 3
	unknown := t.server.discovery.Unknown(t.view, resource.AssignmentType, shown+1)
	if len(unknown) == 0 {
		return fmt.Errorf("%w, of %d clients that are connected", errUnwatched, connected)
	}
	var hints []string
	for _, u := range unknown[:min(len(unknown), shown)] {
		hints = append(hints, fmt.Sprintf("node %s asks for %q, which no pool has", u.Node, u.Name))
	}
	if len(unknown) > shown {
		hints = append(hints, "and there are more such names")
	}
	return fmt.Errorf("%w; %s", errUnwatched, strings.Join(hints, "; "))
}

// firstOf keeps an error readable where a hundred clients have the same.
func firstOf(errs []error) []error {
	const shown = 3
	if len(errs) <= shown {
		return errs
	}
	return append(errs[:shown:shown], fmt.Errorf("and %d more", len(errs)-shown))
}

// Nodes are the clients that are connected.
func (s *Server) Nodes() []Node {
	reports := map[string]loadstats.Stream{}
	for _, r := range s.loads.Status() {
		if r.LastReport.After(reports[r.Node.ID].LastReport) {
			reports[r.Node.ID] = r
		}
	}
	var out []Node
	for _, n := range s.discovery.Nodes() {
		r := reports[loadstats.Printable(n.ID)]
		out = append(out, Node{NodeStatus: n, LastReport: r.LastReport, Unattributed: r.Unattributed})
	}
	return out
}

// Node is a client that is connected.
type Node struct {
	discovery.NodeStatus
	// LastReport is when it reported load last; zero before it has.
	LastReport time.Time
	// Unattributed is how many of the clusters in that report say nothing of
	// endpoints, so that they count for nothing.
	Unattributed int
}
