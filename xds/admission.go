package xds

import (
	"context"
	"log/slog"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// admission decides who is served. It knows every stream, so that those of clients
// that may not connect any more end when the rules change, even one whose client
// does not read, and nobody else's.
type admission struct {
	log *slog.Logger
	// handlers are the streams' own goroutines.
	handlers sync.WaitGroup

	mu     sync.Mutex
	rules  rules
	guests map[*guest]struct{}
	full   bool // said once
}

// guest is the client of one stream.
type guest struct {
	peer string
	// names are those that its certificate proves.
	names []string
	// revoked gets why the stream has to end. cap 1
	revoked chan error

	// The admission's lock is for these. The node is known when it was admitted.
	admitted bool
	node     string
}

type guestKey struct{}

func newAdmission(r rules, log *slog.Logger) *admission {
	return &admission{log: log, rules: r, guests: map[*guest]struct{}{}}
}

// attend is a [grpc.StreamServerInterceptor]: it ends a stream when its handler does,
// or when the client is admitted no more. The handler follows then, as nothing can
// be sent or received.
func (a *admission) attend(server any, wire grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	g, err := a.enter(wire.Context())
	if err != nil {
		return err
	}
	defer a.leave(g)
	done := make(chan error, 1)
	a.handlers.Go(func() { done <- handle(server, attended{wire, context.WithValue(wire.Context(), guestKey{}, g)}) })
	select {
	case err := <-done:
		return err
	case err := <-g.revoked:
		return status.Errorf(codes.PermissionDenied, "xds: node %q is admitted no longer: %v", g.node, err)
	}
}

// attended is a stream whose context knows the guest.
type attended struct {
	grpc.ServerStream
	ctx context.Context
}

func (s attended) Context() context.Context { return s.ctx }

func (a *admission) enter(ctx context.Context) (*guest, error) {
	g := &guest{names: namesOf(ctx), revoked: make(chan error, 1)}
	if p, ok := peer.FromContext(ctx); ok {
		g.peer = p.Addr.String()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.guests) >= a.rules.streams {
		if !a.full {
			a.log.Warn("there are as many streams as xds.max_streams allows; clients are refused", "max_streams", a.rules.streams, "peer", g.peer)
		}
		a.full = true
		return nil, status.Errorf(codes.ResourceExhausted, "xds: there are %d streams already, and xds.max_streams allows %d", len(a.guests), a.rules.streams)
	}
	a.full = false
	a.guests[g] = struct{}{}
	return g, nil
}

func (a *admission) leave(g *guest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.guests, g)
}

// admit is nil for a client that may be served. The context is that of an attended
// stream.
func (a *admission) admit(ctx context.Context, node string) error {
	g := ctx.Value(guestKey{}).(*guest)
	a.mu.Lock()
	err := a.rules.refusal(node, g.names)
	g.admitted, g.node = err == nil, node
	a.mu.Unlock()
	if err != nil {
		a.log.Warn("a client is refused", "node", node, "peer", g.peer, "error", err)
	}
	return err
}

// allows is nil for who may ask about clients: whoever may be one.
func (a *admission) allows(ctx context.Context, node string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rules.refusal(node, namesOf(ctx))
}

// change puts other rules in force, for those who are there, too. Where only the
// number of streams becomes smaller, whoever is there stays.
func (a *admission) change(r rules) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules, a.full = r, false
	for g := range a.guests {
		if !g.admitted {
			continue // it will be asked who it is
		}
		if err := r.refusal(g.node, g.names); err != nil {
			g.admitted = false
			g.revoked <- err
			a.log.Warn("a client is admitted no longer; its stream ends", "node", g.node, "peer", g.peer, "error", err)
		}
	}
}

// wait returns when every handler has ended. No stream may begin any more.
func (a *admission) wait() { a.handlers.Wait() }
