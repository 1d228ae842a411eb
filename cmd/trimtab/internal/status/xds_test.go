package status

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/discovery"
)

func clients() *XDS {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return FromNodes(":18000", []xds.Node{
		{
			NodeStatus: discovery.NodeStatus{
				ID: "edge-1", Cluster: "edge", UserAgent: "envoy 1.40.0", View: "envoy", Peer: "10.0.0.7:40112",
				Identity: "spiffe://example.test/edge-1", Connected: now.Add(-90 * time.Minute),
				Types: []discovery.TypeStatus{
					{TypeURL: resourcev3.ClusterType, Stream: 1, Delta: true, Wildcard: true, Sent: "1c", Acked: "1c"},
					{TypeURL: resourcev3.EndpointType, Stream: 1, Delta: true, Subscribed: 2, Sent: "2b", Acked: "2a", Rejected: &discovery.Rejection{
						At: now.Add(-time.Minute), Version: "2b", Error: "weight: value must be greater\x1b[31m",
					}},
				},
			},
			LastReport: now.Add(-200 * time.Millisecond), Unattributed: 2,
		},
		{
			NodeStatus: discovery.NodeStatus{
				ID: "client-日本", UserAgent: "gRPC Go 1.85.0", View: "grpc", Peer: "10.0.0.8:40113", Connected: now.Add(-50 * time.Hour),
				Types: []discovery.TypeStatus{
					{TypeURL: resourcev3.ListenerType, Stream: 2, Subscribed: 1, Acked: "3"}, // as it was when it came
					{TypeURL: resourcev3.EndpointType, Stream: 2, Subscribed: 1, Sent: "4", Acked: "4"},
					{TypeURL: resourcev3.EndpointType, Stream: 3, Subscribed: 1, Sent: "4", Acked: "3", InFlight: true, Due: true},
				},
			},
		},
		{NodeStatus: discovery.NodeStatus{ID: "new", View: "envoy", Connected: now.Add(-3500 * time.Millisecond)}},
	}, now)
}

func TestXDSJSON(t *testing.T) {
	got, err := json.MarshalIndent(clients(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "xds.json", append(got, '\n'))
}

func TestXDSTable(t *testing.T) {
	d := FromSnapshots("1.2.3", snapshots()[2:])
	d.XDS = clients()
	for name, width := range map[string]int{"xds-wide.txt": 0, "xds-80.txt": 80} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := d.WriteTable(&b, TableOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "\x1b") {
				t.Error("another program's escape sequence reaches the terminal")
			}
			golden(t, name, b.Bytes())
		})
	}
}

func TestXDSWithoutClients(t *testing.T) {
	d := Document{XDS: FromNodes(":18000", nil, time.Now()), Pools: []Pool{}}
	var b bytes.Buffer
	if err := d.WriteTable(&b, TableOptions{}); err != nil || b.String() != "no pools\n\nxDS on :18000: 0 clients\n" {
		t.Errorf("table %q, error %v", b.String(), err)
	}
	if data, err := json.Marshal(d); err != nil || !strings.Contains(string(data), `"xds":{"listen":":18000","nodes":[]}`) {
		t.Errorf("JSON %s, error %v", data, err)
	}
}

func TestConnected(t *testing.T) {
	for seconds, want := range map[Number]string{
		0: "0s", 59.9: "59s", 61: "1m", 5400: "1h30m", 86400 * 3: "3d0h", Number(math.NaN()): "-",
	} {
		if got := connected(seconds); got != want {
			t.Errorf("connected(%v) = %q, want %q", seconds, got, want)
		}
	}
}
