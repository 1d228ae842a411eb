package xds

import (
	"errors"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/google/go-cmp/cmp"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

func byID(pattern *matcherv3.StringMatcher) []*matcherv3.NodeMatcher {
	return []*matcherv3.NodeMatcher{{NodeId: pattern}}
}

func TestClientStatus(t *testing.T) {
	s := serve(t, Options{Nodes: []string{"edge-*", "client-*"}})
	_, members := backends(t, 1)
	envoyTarget(t, s.Server, EnvoyOptions{Listener: edge()}, members)
	var clients []*guesting
	for _, id := range []string{"client-1", "edge-1", "edge-2"} {
		g := visit(t, s.Server, id, insecure.NewCredentials())
		g.served(t)
		clients = append(clients, g)
	}
	api := statusv3.NewClientStatusDiscoveryServiceClient(clients[0].connection)
	exact := &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "edge-1"}}
	for name, test := range map[string]struct {
		node     string
		matchers []*matcherv3.NodeMatcher
		want     []string
		code     codes.Code
	}{
		"all":       {"edge-1", nil, []string{"client-1", "edge-1", "edge-2"}, codes.OK},
		"one":       {"edge-1", byID(exact), []string{"edge-1"}, codes.OK},
		"a prefix":  {"edge-1", byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "edge-"}}), []string{"edge-1", "edge-2"}, codes.OK},
		"a suffix":  {"edge-1", byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: "-1"}}), []string{"client-1", "edge-1"}, codes.OK},
		"a part":    {"edge-1", byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Contains{Contains: "ge-2"}}), []string{"edge-2"}, codes.OK},
		"either":    {"edge-1", append(byID(exact), byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "client-1"}})...), []string{"client-1", "edge-1"}, codes.OK},
		"nobody":    {"edge-1", byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "edge"}}), nil, codes.OK},
		"no regexp": {"edge-1", byID(&matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{}}), nil, codes.InvalidArgument},
		"metadata":  {"edge-1", []*matcherv3.NodeMatcher{{NodeMetadatas: []*matcherv3.StructMatcher{{}}}}, nil, codes.InvalidArgument},
		"a guest":   {"guest", nil, nil, codes.PermissionDenied},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := api.FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{Node: &corev3.Node{Id: test.node}, NodeMatchers: test.matchers})
			if status.Code(err) != test.code {
				t.Fatalf("error %v, want %v", err, test.code)
			}
			var got []string
			for _, c := range answer.GetConfig() {
				got = append(got, c.GetNode().GetId())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}

	// A refused version, by a client that goes on.
	refusing := clients[1].discovery
	if err := refusing.Send(&discoveryv3.DiscoveryRequest{TypeUrl: resource.ListenerType, ResourceNames: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	listeners, err := refusing.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if err := refusing.Send(&discoveryv3.DiscoveryRequest{
		TypeUrl: resource.ListenerType, ResourceNames: []string{"*"}, ResponseNonce: listeners.GetNonce(),
		ErrorDetail: &statuspb.Status{Message: "no such port"},
	}); err != nil {
		t.Fatal(err)
	}
	until(t, func() error {
		answer, err := api.FetchClientStatus(t.Context(), &statusv3.ClientStatusRequest{Node: &corev3.Node{Id: "edge-1"}, NodeMatchers: byID(exact)})
		if err != nil {
			t.Fatal(err)
		}
		configs := answer.GetConfig()[0].GetGenericXdsConfigs()
		i := slices.IndexFunc(configs, func(c *statusv3.ClientConfig_GenericXdsConfig) bool {
			return c.GetTypeUrl() == resource.ListenerType && c.GetConfigStatus() == statusv3.ConfigStatus_ERROR
		})
		if i < 0 {
			return errors.New("nothing is refused yet")
		}
		if e := configs[i].GetErrorState(); e.GetDetails() != "no such port" || e.GetVersionInfo() != listeners.GetVersionInfo() {
			t.Errorf("refused %v", e)
		}
		return nil
	})
}

func TestGenericConfigs(t *testing.T) {
	for name, test := range map[string]struct {
		given discovery.TypeStatus
		want  statusv3.ConfigStatus
	}{
		"has everything":              {discovery.TypeStatus{Sent: "2", Acked: "2"}, statusv3.ConfigStatus_SYNCED},
		"had everything when it came": {discovery.TypeStatus{Acked: "2"}, statusv3.ConfigStatus_SYNCED},
		"has not answered yet":        {discovery.TypeStatus{Sent: "2", Acked: "1", InFlight: true}, statusv3.ConfigStatus_STALE},
		"has something to come":       {discovery.TypeStatus{Sent: "2", Acked: "2", Due: true}, statusv3.ConfigStatus_STALE},
		"waits for what is not there": {discovery.TypeStatus{}, statusv3.ConfigStatus_NOT_SENT},
		"refuses":                     {discovery.TypeStatus{Sent: "2", Acked: "1", Rejected: &discovery.Rejection{}}, statusv3.ConfigStatus_ERROR},
	} {
		if got := genericConfig(&test.given).GetConfigStatus(); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
