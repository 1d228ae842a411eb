package loadstats

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// first waits for a stream's first report, which says who reports; the id is as it
// was sent. A stream that is opened and says nothing would else hold its place for
// ever.
func (s *Server) first(wire grpc.ServerStream) (_ Node, id string, _ *request, _ error) {
	in := &request{limit: s.options.MaxMessage, wantNode: true}
	// RecvMsg ends with the RPC, and not before: it cannot be waited for here.
	received := make(chan error, 1)
	s.working.Go(func() { received <- wire.RecvMsg(in) })
	patience := time.NewTimer(s.options.FirstRequest)
	defer patience.Stop()
	select {
	case err := <-received:
		if err != nil {
			return Node{}, "", nil, err
		}
	case <-patience.C:
		return Node{}, "", nil, status.Errorf(codes.DeadlineExceeded, "load reports: none within %v", s.options.FirstRequest)
	}
	node, id, err := decodeNode(in.node)
	if err != nil {
		return Node{}, "", nil, status.Error(codes.InvalidArgument, err.Error())
	}
	in.wantNode, in.node = false, nil
	return node, id, in, nil
}
