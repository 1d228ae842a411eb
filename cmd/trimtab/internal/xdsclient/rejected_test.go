package xdsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// What a node that is connected refuses is shown to who asks for it, and nobody
// else's.
func TestRejectedIsShown(t *testing.T) {
	s, connection := served(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	request := &discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: "edge-7"}, TypeUrl: resource.AssignmentType, ResourceNames: []string{"ws"}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	response, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	request.ResponseNonce, request.ErrorDetail = response.GetNonce(), &statuspb.Status{Code: 13, Message: "weights\x1b[31m are wrong"}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	refused := func() bool {
		for _, n := range s.Nodes() {
			for i := range n.Types {
				if n.Types[i].Rejected != nil {
					return true
				}
			}
		}
		return false
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !refused() {
		select {
		case <-ctx.Done():
			t.Fatal("the server has not noticed")
		case <-ticker.C:
		}
	}
	for name, test := range map[string]struct {
		query Query
		want  int
	}{
		"the node":              {Query{Node: "edge-7", View: ViewEnvoy}, 1},
		"another":               {Query{Node: "edge-70", View: ViewEnvoy}, 0},
		"the node's endpoints":  {Query{Node: "edge-7", View: ViewEnvoy, Type: "eds"}, 1},
		"what it does not deny": {Query{Node: "edge-7", View: ViewEnvoy, Type: "lds"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dump, err := Fetch(ctx, connection, test.query)
			if err != nil || len(dump.Rejected) != test.want {
				t.Fatalf("%d refused, error %v, want %d", len(dump.Rejected), err, test.want)
			}
			var table, text bytes.Buffer
			if err := dump.WriteTable(&table); err != nil {
				t.Fatal(err)
			}
			const line = "node edge-7 REJECTS eds version "
			if got := strings.Count(table.String(), line); got != test.want || strings.Contains(table.String(), "\x1b") {
				t.Errorf("table\n%s", table.String())
			}
			var decoded struct{ Rejected []Rejection }
			if err := dump.WriteJSON(&text); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text.Bytes(), &decoded); err != nil || len(decoded.Rejected) != test.want || decoded.Rejected == nil {
				t.Errorf("error %v, JSON\n%s", err, text.String())
			}
			for _, r := range decoded.Rejected {
				if r.Type != "eds" || r.Version != response.GetVersionInfo() || !strings.Contains(r.Error, "are wrong") || time.Since(r.At) > time.Minute {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}
