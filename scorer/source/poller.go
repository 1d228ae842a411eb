package source

import (
	"context"
	"net/http"
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
	*roster

	// Set at creation, read-only.
	options Options
	accept  string
	client  *http.Client
	lanes   lanes
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
		options: o, accept: accept,
		client: &http.Client{
			Transport: o.Transport,
			// Followed, a redirect would report another server's load as this
			// backend's.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		lanes: newLanes(o.Concurrency),
	}
	p.roster = newRoster(origin(kind, o.URL), o.Logger, o.Backends, func(ctx context.Context, w *worker) {
		(&poll{poller: p, worker: w, decoder: newDecoder()}).run(ctx)
	})
	return p, nil
}

// Run polls until ctx ends and returns nil when every poll has ended. It must
// not be called twice at once.
func (p *poller) Run(ctx context.Context, out chan<- scorer.Report) error {
	defer p.client.CloseIdleConnections()
	return p.roster.Run(ctx, out)
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
