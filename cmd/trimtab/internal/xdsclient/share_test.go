package xdsclient

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func one(address string, weight uint32, health corev3.HealthStatus) *endpointv3.LbEndpoint {
	e := &endpointv3.LbEndpoint{
		HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
			Address: &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: address}}},
		}},
		HealthStatus: health,
	}
	if weight > 0 {
		e.LoadBalancingWeight = wrapperspb.UInt32(weight)
	}
	return e
}

func TestShares(t *testing.T) {
	const healthy, draining = corev3.HealthStatus_UNKNOWN, corev3.HealthStatus_DRAINING
	locality := func(weight uint32, endpoints ...*endpointv3.LbEndpoint) *endpointv3.LocalityLbEndpoints {
		l := &endpointv3.LocalityLbEndpoints{LbEndpoints: endpoints}
		if weight > 0 {
			l.LoadBalancingWeight = wrapperspb.UInt32(weight)
		}
		return l
	}
	for _, test := range []struct {
		name       string
		localities []*endpointv3.LocalityLbEndpoints
		want       string
	}{
		{"nobody", nil, ""},
		{"by endpoint", []*endpointv3.LocalityLbEndpoints{locality(0, one("/a", 3, healthy), one("/b", 0, healthy)), locality(0, one("/c", 4, healthy))}, "a 3 38%, b 1 12%, c 4 50%"},
		{"one drains", []*endpointv3.LocalityLbEndpoints{locality(0, one("/a", 3, healthy), one("/b", 3, draining))}, "a 3 100%, b 3 0%"},
		{"all drain", []*endpointv3.LocalityLbEndpoints{locality(0, one("/a", 3, draining))}, "a 3 0%"},
		{"by locality", []*endpointv3.LocalityLbEndpoints{locality(30, one("/a", 1, healthy), one("/b", 1, healthy)), locality(10, one("/c", 7, healthy)), locality(0, one("/d", 9, healthy))}, "a 1 38%, b 1 38%, c 10 25%, d 0 0%"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, e := range endpointsOf(&endpointv3.ClusterLoadAssignment{Endpoints: test.localities}) {
				got = append(got, fmt.Sprintf("%s %d %.0f%%", strings.TrimPrefix(e.address, "unix:/"), e.weight, 100*e.share))
			}
			if text := strings.Join(got, ", "); text != test.want {
				t.Errorf("%s, want %s", text, test.want)
			}
		})
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWritersThatFail(t *testing.T) {
	for _, err := range []error{Dump{}.WriteTable(failingWriter{}), Dump{}.WriteJSON(failingWriter{})} {
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("error %v, want disk full", err)
		}
	}
}

// What nobody here has heard of is shown as it came, not lost.
func TestJSONOfAnUnknownExtension(t *testing.T) {
	d := Dump{resources: []resources{{clusters, []named{{"c", received{"1", &clusterv3.Cluster{
		Name: "c", TypedExtensionProtocolOptions: map[string]*anypb.Any{"x": {TypeUrl: "type.googleapis.com/example.Unheard"}},
	}}}}}}}
	var out bytes.Buffer
	if err := d.WriteJSON(&out); err != nil || !strings.Contains(out.String(), `"resource": null`) || !strings.Contains(out.String(), `"encoded": "`) {
		t.Errorf("error %v\n%s", err, out.String())
	}
}

func TestTableKeepsEscapesOut(t *testing.T) {
	d := Dump{resources: []resources{{clusters, []named{{"c\x1b[31m\n", received{"1", &clusterv3.Cluster{}}}}}}}
	var out bytes.Buffer
	if err := d.WriteTable(&out); err != nil || strings.Contains(out.String(), "\x1b") || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("error %v, table %q", err, out.String())
	}
}
