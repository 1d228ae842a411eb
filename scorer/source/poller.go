package source

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// decoder turns one backend's responses into reports. It may keep state from
// one to the next.
type decoder interface {
	// decode fills r's signals and says what it had to leave out.
	decode(r *scorer.Report, header http.Header, body []byte, at time.Time) ([]drop, error)
}

// poller runs a poll for each backend of a changing list.
type poller struct {
	// Set at creation, read-only.
	options    Options
	origin     string
	accept     string
	newDecoder func() decoder
	client     *http.Client
	lanes      lanes

	// wanted holds the newest list that Run has not seen yet.
	wanted chan []scorer.Backend
	// setting keeps two SetBackends from passing each other.
	setting sync.Mutex
	// polls is published by Run, sorted by backend.
	polls atomic.Pointer[[]*poll]
}

func newPoller(kind string, o Options, accept string, newDecoder func() decoder) (*poller, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.Transport == nil {
		o.Transport = newTransport(o)
	}
	p := &poller{
		options: o, origin: origin(kind, o.URL), accept: accept, newDecoder: newDecoder,
		client: &http.Client{
			Transport: o.Transport,
			// Followed, a redirect would report another server's load as this
			// backend's.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		lanes:  newLanes(o.Concurrency),
		wanted: make(chan []scorer.Backend, 1),
	}
	p.SetBackends(o.Backends)
	return p, nil
}

// Origin is the Report.Origin of every report: the kind of source and the URL
// template without user, password and query. It never changes.
func (p *poller) Origin() string { return p.origin }

// SetBackends replaces the list of backends to poll; it never blocks. A backend
// that stays keeps its connection and its counters.
func (p *poller) SetBackends(backends []scorer.Backend) {
	p.setting.Lock()
	defer p.setting.Unlock()
	select {
	case <-p.wanted:
	default:
	}
	p.wanted <- slices.Clone(backends)
}

// Status has an entry for each backend, sorted by name.
func (p *poller) Status() []BackendStatus {
	polls := p.polls.Load()
	if polls == nil {
		return nil
	}
	out := make([]BackendStatus, len(*polls))
	for i, one := range *polls {
		out[i] = one.status.Load().clone()
	}
	return out
}

// Run polls until ctx ends and returns nil when every poll has ended. It must
// not be called twice at once.
func (p *poller) Run(ctx context.Context, out chan<- scorer.Report) error {
	running := map[scorer.Backend]*poll{}
	defer func() {
		stopAll(slices.Collect(maps.Values(running)))
		p.client.CloseIdleConnections()
	}()
	// After a restart the list is the one of the run before.
	if polls := p.polls.Load(); polls != nil {
		for _, one := range *polls {
			running[one.key] = p.start(ctx, one.key, out)
		}
		p.publish(running)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case backends := <-p.wanted:
			p.follow(ctx, running, backends, out)
			p.publish(running)
		}
	}
}

// follow starts and stops polls until they are those of the list.
func (p *poller) follow(ctx context.Context, running map[scorer.Backend]*poll, backends []scorer.Backend, out chan<- scorer.Report) {
	stay := map[scorer.Backend]bool{}
	for _, b := range backends {
		stay[keyOf(b)] = true
	}
	var gone []*poll
	for key, one := range running {
		if !stay[key] {
			gone = append(gone, one)
			delete(running, key)
		}
	}
	stopAll(gone)
	for key := range stay {
		if running[key] == nil {
			running[key] = p.start(ctx, key, out)
		}
	}
}

func (p *poller) publish(running map[scorer.Backend]*poll) {
	polls := make([]*poll, 0, len(running))
	for _, one := range running {
		polls = append(polls, one)
	}
	slices.SortFunc(polls, func(a, b *poll) int {
		return cmp.Or(cmp.Compare(a.key.Name, b.key.Name), cmp.Compare(a.key.Address, b.key.Address))
	})
	p.polls.Store(&polls)
}

// keyOf is what makes a backend another one to poll: its capacity and
// condition do not.
func keyOf(b scorer.Backend) scorer.Backend {
	return scorer.Backend{Name: b.Name, Address: b.Address}
}

func newTransport(o Options) *http.Transport {
	return &http.Transport{
		// HTTP_PROXY is for reaching the world, not for asking a backend.
		Proxy:                  nil,
		MaxIdleConns:           0,             // one for each backend, however many
		MaxIdleConnsPerHost:    o.Concurrency, // an agent may answer for all of them
		IdleConnTimeout:        max(3*o.Period, 30*time.Second),
		TLSHandshakeTimeout:    o.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}
