package loadstats

import (
	"slices"
	"sync/atomic"
	"time"

	lrsv3 "github.com/envoyproxy/go-control-plane/envoy/service/load_stats/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// intervalSlack is how much longer than its stream a period may be: a timer is
// read a little earlier here than there.
const intervalSlack = time.Second

// spareViews is how many clusters a stream may have beyond twice the mapping's.
const spareViews = 64

// stream is one data plane's. Its handler's goroutine owns everything but
// status.
type stream struct {
	// Set at creation, read-only.
	server *Server
	node   Node
	origin string

	// answered says that the data plane knows what to report, names or all, and
	// how often.
	answered bool
	names    []string
	every    time.Duration

	table *table
	// views are the mapped clusters that were listed, by name; listed are those
	// of the report in hand.
	views  map[string]*view
	listed []*view
	sums   map[string]*sum

	state  Stream
	status atomic.Pointer[Stream]
}

func newStream(server *Server, node Node, origin, from string, now time.Time) *stream {
	s := &stream{
		server: server, node: node, origin: origin,
		views: map[string]*view{}, sums: map[string]*sum{},
		state: Stream{Node: node, Origin: origin, Peer: from, Since: now},
	}
	s.publish()
	return s
}

func (s *stream) run(wire grpc.ServerStream, in *request) error {
	for {
		if err := s.ask(wire); err != nil {
			return ended(err)
		}
		if err := wire.RecvMsg(in); err != nil {
			return ended(err)
		}
		if err := s.take(in, time.Now()); err != nil {
			return status.Errorf(codes.InvalidArgument, "load report: %v", err)
		}
	}
}

// ask tells the data plane what to report when that has changed: being told
// again restarts Envoy's timer. Looking after each report is often enough, as
// reports come whatever is asked for.
func (s *stream) ask(wire grpc.ServerStream) error {
	var names []string
	if !s.node.allClusters {
		names = s.server.mapping.Load().names
	}
	every := s.server.interval.get()
	if s.answered && every == s.every && slices.Equal(s.names, names) {
		return nil
	}
	s.answered, s.every, s.names = true, every, names
	return wire.SendMsg(&lrsv3.LoadStatsResponse{
		SendAllClusters:           s.node.allClusters,
		Clusters:                  names,
		LoadReportingInterval:     durationpb.New(every),
		ReportEndpointGranularity: true,
	})
}

// take reads a report that came in now.
func (s *stream) take(in *request, now time.Time) error {
	s.follow(s.server.mapping.Load())
	s.state.Reports++
	s.listed = s.listed[:0]
	s.state.UnknownClusters, s.state.UnknownEndpoints, s.state.Unattributed = 0, 0, 0
	for raw := range in.clusters() {
		c, err := decodeCluster(raw)
		if err != nil {
			return err
		}
		v := s.view(&c)
		if v == nil {
			s.state.UnknownClusters++
			continue
		}
		if v.report != s.state.Reports {
			s.list(v)
		}
		if err := v.count(&c); err != nil {
			return err
		}
	}
	s.state.Clusters = len(s.listed)
	if !s.node.listsIdle() {
		s.listIdle()
	}
	for _, v := range s.listed {
		s.conclude(v, now)
	}
	// Whoever gets the reports finds them in the status, too.
	s.state.LastReport = now
	s.publish()
	for pool, sum := range s.sums {
		if len(sum.reports) > 0 {
			s.server.readers.send(pool, s.origin, sum.reports)
			sum.reports = sum.reports[:0]
		}
	}
	return nil
}

// list begins with a cluster in the report in hand. One that was not in the
// report before has come up again, as if for the first time.
func (s *stream) list(v *view) {
	v.begin()
	v.complete = v.complete && v.report+1 == s.state.Reports
	v.report = s.state.Reports
	s.listed = append(s.listed, v)
}

// listIdle lists the clusters that are left out as nothing happens in them.
func (s *stream) listIdle() {
	for _, v := range s.views {
		if v.report != s.state.Reports {
			s.list(v)
			v.interval = 0
		}
	}
}

// conclude makes reports of what was counted of a cluster.
func (s *stream) conclude(v *view, now time.Time) {
	s.state.UnknownEndpoints += v.unknown
	defer func() { s.state.Implausible += v.implausible }()
	interval := s.interval(v, now)
	v.last = now
	switch {
	case !v.known && v.unknown > 0:
		s.state.Unattributed++
		return
	case !v.complete:
		// The cluster may have come up in the middle of the period.
		v.complete = true
		v.remember()
		return
	}
	s.state.Interval = interval
	to := s.sums[v.cluster.Pool]
	if to == nil {
		to = &sum{}
		s.sums[v.cluster.Pool] = to
	}
	to.include(v, s.origin, now, interval)
}

// interval is what a cluster's counts were counted over, 0 when there is no
// telling. It is the data plane's word as far as that can be true, else the
// time between the arrivals.
func (s *stream) interval(v *view, now time.Time) time.Duration {
	if MinInterval/2 <= v.interval && v.interval <= now.Sub(s.state.Since)+intervalSlack {
		return v.interval
	}
	if between := now.Sub(v.last); !v.last.IsZero() && between >= MinInterval/2 {
		return between
	}
	return 0
}

// view is the one of a cluster that is mapped, else nil. Any number of clusters
// could claim the service name of one that is mapped, so not all are believed.
func (s *stream) view(c *clusterStats) *view {
	if v := s.views[string(c.name)]; v != nil {
		return v
	}
	cluster, ok := s.table.find(c.name, c.service)
	if !ok || len(s.views) >= spareViews+2*len(s.table.names) {
		return nil
	}
	v := newView(cluster)
	v.service = string(c.service)
	s.views[string(c.name)] = v
	return v
}

// follow takes a new mapping; what is known of backends that stay is kept.
func (s *stream) follow(t *table) {
	if t == s.table {
		return
	}
	s.table = t
	for name, before := range s.views {
		cluster, ok := t.find([]byte(name), []byte(before.service))
		if !ok {
			delete(s.views, name)
			continue
		}
		s.views[name] = before.succeed(cluster)
	}
	clear(s.sums)
}

func (s *stream) publish() {
	state := s.state
	s.status.Store(&state)
}
