package xdsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// maxResponse bounds what a server may send at once.
const maxResponse = 256 << 20

// received is a resource as it came.
type received struct {
	version string
	message proto.Message
}

// watch is what is known of one kind.
type watch struct {
	// asked is that a request was sent; no names then mean all there is.
	asked          bool
	names          []string
	answered       bool
	version, nonce string
	resources      map[string]received
}

// fetch is one stream.
type fetch struct {
	query   Query
	stream  discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	greeted bool
	watches [kinds]watch
}

// Fetch asks until everything is there or ctx ends: what is missing then is in the
// dump, and no error. An error is trouble with the connection or what came by it.
func Fetch(ctx context.Context, connection grpc.ClientConnInterface, q Query) (Dump, error) {
	dump, err := fetchResources(ctx, connection, q)
	if err != nil {
		return Dump{}, err
	}
	dump.Rejected, err = rejections(ctx, connection, q)
	return dump, err
}

func fetchResources(ctx context.Context, connection grpc.ClientConnInterface, q Query) (Dump, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).
		StreamAggregatedResources(ctx, grpc.MaxCallRecvMsgSize(maxResponse))
	if err != nil {
		return Dump{}, fmt.Errorf("open a stream: %w", err)
	}
	f := &fetch{query: q, stream: stream}
	for k := range kinds {
		f.watches[k].resources = map[string]received{}
	}
	for {
		if err := f.ask(); err != nil {
			return Dump{}, err
		}
		if f.complete() {
			return f.dump(false), nil
		}
		response, err := stream.Recv()
		switch {
		case status.Code(err) == codes.DeadlineExceeded || errors.Is(ctx.Err(), context.DeadlineExceeded):
			return f.dump(true), nil
		case err != nil:
			return Dump{}, fmt.Errorf("receive: %w", err)
		}
		if err := f.take(response); err != nil {
			return Dump{}, err
		}
	}
}

// ask sends a request for every kind of which more is wanted now than before.
func (f *fetch) ask() error {
	for k := range kinds {
		names, wanted := f.wanted(k)
		w := &f.watches[k]
		if !wanted || w.asked && slices.Equal(names, w.names) {
			continue
		}
		w.asked, w.names = true, names
		if err := f.send(k); err != nil {
			return err
		}
	}
	return nil
}

// wanted are the names to ask for, none for everything; false is not yet, or not at
// all.
func (f *fetch) wanted(k kind) (names []string, wanted bool) {
	q := f.query
	switch {
	case !k.root() && !q.shows(k), k.root() && !q.needs(k):
		return nil, false
	case q.named(k):
		return q.Names, true
	case k == clusters || k == listeners && !q.listenersOfClusters():
		return nil, true
	case k == endpoints:
		names = f.references(clusters)
	case k == listeners:
		names = f.names(clusters)
	case k == routes:
		names = f.references(listeners)
	}
	return names, len(names) > 0
}

// send is both a request and the acknowledgment of the newest response.
func (f *fetch) send(k kind) error {
	w := &f.watches[k]
	request := &discoveryv3.DiscoveryRequest{
		TypeUrl: k.typeURL(), ResourceNames: w.names, VersionInfo: w.version, ResponseNonce: w.nonce,
	}
	if !f.greeted {
		f.greeted = true
		request.Node = f.query.node()
	}
	// When a stream has failed, Recv knows why.
	if err := f.stream.Send(request); err != nil {
		if _, cause := f.stream.Recv(); cause != nil {
			err = cause
		}
		return fmt.Errorf("ask for %s: %w", k, err)
	}
	return nil
}

func (f *fetch) take(response *discoveryv3.DiscoveryResponse) error {
	k, ok := kindOf(response.GetTypeUrl(), kind.typeURL)
	if !ok || !f.watches[k].asked {
		return fmt.Errorf("a response of type %q was not asked for", response.GetTypeUrl())
	}
	w := &f.watches[k]
	if k.root() {
		clear(w.resources)
	}
	for _, a := range response.GetResources() {
		message, name, err := k.message(a)
		if err != nil {
			return err
		}
		w.resources[name] = received{response.GetVersionInfo(), message}
	}
	w.answered, w.version, w.nonce = true, response.GetVersionInfo(), response.GetNonce()
	return f.send(k)
}

// complete says whether nothing more is to come. What a server does not have is
// only known of roots, which it sends whole.
func (f *fetch) complete() bool {
	for k := range kinds {
		w := &f.watches[k]
		if !w.asked {
			continue
		}
		if !w.answered || !k.root() && slices.ContainsFunc(w.names, w.lacks) {
			return false
		}
	}
	return true
}

func (w *watch) lacks(name string) bool {
	_, there := w.resources[name]
	return !there
}
