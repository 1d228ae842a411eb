package discovery

import (
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A request that was on its way when its stream ended leaves nothing behind: nobody
// would ever take it back.
func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	for name, began := range map[string]bool{"the first request": false, "another one": true} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, delta bool) {
				s := newServer(t, nil)
				publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
				l := dial(t, s, endpoints, delta)
				if began {
					l.first(endpointType, "a")
					l.expect("EDS a@1")
				}
				l.hangUp()
				var late proto.Message = &discoveryv3.DiscoveryRequest{Node: node("n1"), ResourceNames: []string{"b"}}
				if delta {
					late = &discoveryv3.DeltaDiscoveryRequest{Node: node("n1"), ResourceNamesSubscribe: []string{"b"}}
				}
				if err := l.try(late); status.Code(err) != codes.Canceled {
					t.Errorf("a request after the end: %v", err)
				}
				for _, name := range []string{"a", "b"} {
					if list := s.Watching(testView, endpointType, name); len(list) > 0 {
						t.Errorf("%s is watched by %+v", name, list)
					}
				}
				if left := s.view(testView).topics[endpoints].subscriptions; len(left) > 0 {
					t.Errorf("subscriptions are left: %v", left)
				}
			})
		})
	}
}
