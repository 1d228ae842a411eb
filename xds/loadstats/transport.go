package loadstats

import "google.golang.org/grpc"

const (
	// readBuffer takes a report in one piece. gRPC gives it back while nothing is
	// to be read, so that it costs no memory per connection.
	readBuffer = 128 << 10
	// window has room for many reports: gRPC opens it again when a quarter of it is
	// used, and one that a report fills makes the data plane wait in the middle.
	window = 1 << 20
)

// ServerOptions are for the gRPC server that [Server.Register] is called with.
// Later options of the same kind replace earlier ones: these go last where the
// server has services of small messages, too. With windows of a fixed size gRPC
// does not measure the bandwidth, which would cost a ping for every report.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ReadBufferSize(readBuffer),
		grpc.StaticStreamWindowSize(window),
		grpc.StaticConnWindowSize(window),
	}
}
