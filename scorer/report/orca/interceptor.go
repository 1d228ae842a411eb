package orca

import (
	"context"
	"slices"
	"strings"

	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/scorer/report"
)

const (
	trailer = "endpoint-load-metrics-bin"
	asking  = "endpoint-load-metrics-format"
)

// ServerOptions count the calls of a server, and put a load report into their
// trailers as the reporter's InBand says. A call has failed when it ends with a
// code that is the server's fault: those that correspond to 5xx in HTTP. Load
// reports and health checks are no work.
func ServerOptions(r *report.Reporter) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (answer any, err error) {
			if !isWork(info.FullMethod) {
				return handler(ctx, request)
			}
			q := r.Begin()
			returned := false
			defer func() { q.End(!returned || isFault(ctx, err)) }()
			if md, ok := inTrailer(ctx, r); ok {
				_ = grpc.SetTrailer(ctx, md) // it is a server's context
			}
			answer, err = handler(ctx, request)
			returned = true
			return answer, err
		}),
		grpc.ChainStreamInterceptor(func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
			if !isWork(info.FullMethod) {
				return handler(server, stream)
			}
			c := &call{request: r.Begin()}
			returned := false
			defer func() { c.end(!returned || isFault(stream.Context(), err)) }()
			if md, ok := inTrailer(stream.Context(), r); ok {
				stream.SetTrailer(md)
			}
			err = handler(server, tracked{stream, context.WithValue(stream.Context(), callKey{}, c)})
			returned = true
			return err
		}),
	}
}

func isWork(method string) bool {
	return !strings.HasPrefix(method, "/"+orcaservicev3.OpenRcaService_ServiceDesc.ServiceName+"/") &&
		!strings.HasPrefix(method, "/grpc.health.v1.Health/")
}

// isFault says whether an error is the server's fault. What fails because the
// client has left is not.
func isFault(ctx context.Context, err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err) // as the server does
	}
	return ctx.Err() != context.Canceled && slices.Contains([]codes.Code{
		codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss,
	}, s.Code())
}

func inTrailer(ctx context.Context, r *report.Reporter) (metadata.MD, bool) {
	asked := ""
	if values := metadata.ValueFromIncomingContext(ctx, asking); len(values) > 0 {
		asked = values[0]
	}
	message, ok := r.InBandMessage(asked)
	if !ok {
		return nil, false
	}
	return metadata.Pairs(trailer, string(message)), true
}

// call is a stream in progress, which may become a connection.
type call struct {
	request    report.Request
	connection *report.Connection
}

type callKey struct{}

func (c *call) end(failed bool) {
	c.request.End(failed)
	if c.connection != nil {
		c.connection.End()
	}
}

type tracked struct {
	grpc.ServerStream
	ctx context.Context
}

func (t tracked) Context() context.Context { return t.ctx }

// Connection declares that the stream whose handler has this context is a
// long-lived connection from now on and no call; it ends when the handler
// returns. leave is how its other end is asked to go, nil if that is impossible.
// It may be called once for a stream, and returns nil where the stream is not
// one of a server with ServerOptions.
func Connection(ctx context.Context, leave report.Leave) *report.Connection {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok || c.connection != nil {
		return nil
	}
	c.connection = c.request.Connect(leave)
	return c.connection
}
