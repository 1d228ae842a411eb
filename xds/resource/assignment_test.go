package resource

import (
	"math"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

func drawEndpoints(t *rapid.T) []Endpoint {
	out := endpointsOf(rapid.IntRange(0, 40).Draw(t, "endpoints"))
	for i := range out {
		switch rapid.IntRange(0, 3).Draw(t, "family") {
		case 0:
			out[i].Address = "unix:/run/" + out[i].Backend
		case 1:
			out[i].Address = "[2001:db8::" + strings.TrimPrefix(out[i].Backend, "b") + "]:443"
		}
	}
	return out
}

func TestAssignmentEqualsProtoMarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		endpoints := drawEndpoints(t)
		weights := make([]uint32, len(endpoints))
		draining := make([]bool, len(endpoints))
		want := &endpointv3.ClusterLoadAssignment{ClusterName: "c"}
		group := &endpointv3.LocalityLbEndpoints{}
		for i := range endpoints {
			weights[i] = rapid.Uint32Range(1, 1<<26).Draw(t, "weight")
			draining[i] = rapid.Bool().Draw(t, "draining")
			address, _, err := parseAddress(endpoints[i].Address)
			if err != nil {
				t.Fatal(err)
			}
			e := lbEndpoint(address)
			e.LoadBalancingWeight = wrapperspb.UInt32(weights[i])
			if draining[i] {
				e.HealthStatus = corev3.HealthStatus_DRAINING
			}
			group.LbEndpoints = append(group.LbEndpoints, e)
		}
		if len(group.LbEndpoints) > 0 {
			want.Endpoints = append(want.Endpoints, group)
		}
		a, err := NewAssignment("p", "c", endpoints)
		if err != nil {
			t.Fatal(err)
		}
		body, err := a.Encode(weights, draining)
		if err != nil {
			t.Fatal(err)
		}
		got := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(body, got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, got) {
			t.Fatalf("(-want +got):\n%s", cmp.Diff(want, got, protocmp.Transform()))
		}
		if len(body) != cap(body) || len(body) != proto.Size(want) {
			t.Fatalf("%d bytes of %d, %d by proto", len(body), cap(body), proto.Size(want))
		}
	})
}

func TestLocalitiesEqualProtoMarshal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		endpoints := endpointsOf(rapid.IntRange(0, 40).Draw(t, "endpoints"))
		weights := make([]uint32, len(endpoints))
		want := &endpointv3.ClusterLoadAssignment{ClusterName: "c"}
		for i := range endpoints {
			weights[i] = rapid.Uint32Range(0, 1<<26).Draw(t, "weight")
			if weights[i] == 0 {
				continue
			}
			address, _, err := parseAddress(endpoints[i].Address)
			if err != nil {
				t.Fatal(err)
			}
			e := lbEndpoint(address)
			e.LoadBalancingWeight = wrapperspb.UInt32(1)
			want.Endpoints = append(want.Endpoints, &endpointv3.LocalityLbEndpoints{
				Locality:            &corev3.Locality{SubZone: endpoints[i].Backend},
				LbEndpoints:         []*endpointv3.LbEndpoint{e},
				LoadBalancingWeight: wrapperspb.UInt32(weights[i]),
			})
		}
		l, err := NewLocalities("p", "c", endpoints)
		if err != nil {
			t.Fatal(err)
		}
		body, err := l.Encode(weights)
		if err != nil {
			t.Fatal(err)
		}
		got := &endpointv3.ClusterLoadAssignment{}
		if err := proto.Unmarshal(body, got); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, got) {
			t.Fatalf("(-want +got):\n%s", cmp.Diff(want, got, protocmp.Transform()))
		}
	})
}

func TestEndpointsRefused(t *testing.T) {
	for label, test := range map[string]struct {
		endpoints []Endpoint
		want      string
	}{
		"host name":       {[]Endpoint{{Backend: "s1", Address: "web.example.test:80"}}, `pool p: backend "s1": address "web.example.test:80" is not ip:port: a host name`},
		"no address":      {[]Endpoint{{Backend: "s1"}}, `backend "s1"`},
		"port 0":          {[]Endpoint{{Backend: "s1", Address: "10.0.0.1:0"}}, "port 0"},
		"port too high":   {[]Endpoint{{Backend: "s1", Address: "10.0.0.1:65536"}}, "not ip:port"},
		"scoped":          {[]Endpoint{{Backend: "s1", Address: "[fe80::1%eth0]:80"}}, "interface"},
		"relative socket": {[]Endpoint{{Backend: "s1", Address: "unix:run/s"}}, "unix socket"},
		"long socket":     {[]Endpoint{{Backend: "s1", Address: "unix:/" + strings.Repeat("x", maxPipe)}}, "107 bytes"},
		"same address": {
			[]Endpoint{{Backend: "s1", Address: "10.0.0.1:80"}, {Backend: "s2", Address: "[::ffff:10.0.0.1]:80"}},
			`backend "s2": address 10.0.0.1:80 is that of "s1"`,
		},
		"same name": {[]Endpoint{{Backend: "s1", Address: "10.0.0.1:80"}, {Backend: "s1", Address: "10.0.0.2:80"}}, "twice"},
		"no name":   {[]Endpoint{{Address: "10.0.0.1:80"}}, "not empty"},
		"not text":  {[]Endpoint{{Backend: "\xff", Address: "10.0.0.1:80"}}, "text"},
		"all at once": {
			[]Endpoint{{Backend: "s1", Address: "a:80"}, {Backend: "s2", Address: "10.0.0.1:0"}},
			"backend \"s1\": address \"a:80\" is not ip:port: a host name has to be resolved before, as neither Envoy nor gRPC does it\npool p: backend \"s2\"",
		},
	} {
		t.Run(label, func(t *testing.T) {
			for view, err := range map[string]error{
				"envoy": second(NewAssignment("p", "c", test.endpoints)),
				"grpc":  second(NewLocalities("p", "c", test.endpoints)),
			} {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%s: error %v does not say %q", view, err, test.want)
				}
			}
		})
	}
	if _, err := NewLocalities("p", "c", []Endpoint{{Backend: "s1", Address: "unix:/run/s"}}); err == nil {
		t.Error("gRPC takes a unix socket")
	}
	if _, err := NewAssignment("p", "", endpointsOf(1)); err == nil {
		t.Error("a cluster without a name is taken")
	}
}

func second[T any](_ T, err error) error { return err }

func TestWeightsRefused(t *testing.T) {
	a, err := NewAssignment("p", "c", endpointsOf(2))
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLocalities("p", "c", endpointsOf(2))
	if err != nil {
		t.Fatal(err)
	}
	for label, test := range map[string]struct {
		err  error
		want string
	}{
		"weight 0":            {second(a.Encode([]uint32{1, 0}, make([]bool, 2))), `backend "b2" has weight 0`},
		"sum":                 {second(a.Encode([]uint32{math.MaxUint32, 1}, make([]bool, 2))), "2^32-1"},
		"sum of localities":   {second(l.Encode([]uint32{math.MaxUint32, 1})), "2^32-1"},
		"count":               {second(a.Encode([]uint32{1}, make([]bool, 2))), "1 weights"},
		"count of localities": {second(l.Encode([]uint32{1})), "1 weights"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: error %v does not say %q", label, test.err, test.want)
		}
	}
	if _, err := a.Encode([]uint32{math.MaxUint32 - 1, 1}, make([]bool, 2)); err != nil {
		t.Errorf("the largest sum there is: %v", err)
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"10.0.0.1:80", "[::1]:443", "[::ffff:1.2.3.4]:1", "unix:/run/s", "unix:@name", "host:80", ":80", "[fe80::1%1]:80"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		address, canonical, err := parseAddress(text)
		if err != nil {
			return
		}
		if err := address.ValidateAll(); err != nil {
			t.Fatalf("%q is taken but Envoy would refuse it: %v", text, err)
		}
		again, same, err := parseAddress(canonical)
		if err != nil || same != canonical || !proto.Equal(address, again) {
			t.Fatalf("%q becomes %q, and that %q: %v", text, canonical, same, err)
		}
	})
}
