package xdsclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// served is an xDS server with two pools: one with a listener for Envoy and for
// gRPC clients, too, and one whose endpoints nobody knows.
func served(t *testing.T) (*xds.Server, *grpc.ClientConn) {
	t.Helper()
	s, err := xds.Listen(t.Context(), xds.Options{Listen: "127.0.0.1:0", Nodes: []string{"edge-*"}})
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	group.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	envoy, err := s.EnvoyTarget("ws", xds.EnvoyOptions{
		Cluster:   resource.ClusterConfig{Name: "ws"},
		Balancing: resource.Balancing{Policy: resource.RoundRobin},
		Listener:  &resource.ListenerConfig{Name: "ws", Address: "127.0.0.1:8080", Cluster: "ws"},
	})
	if err != nil {
		t.Fatal(err)
	}
	grpcTarget, err := s.GRPCTarget("ws", "ws")
	if err != nil {
		t.Fatal(err)
	}
	targets := []*xds.Target{envoy, grpcTarget}
	if err := s.Serve(targets); err != nil {
		t.Fatal(err)
	}
	plan := scorer.Plan{Pool: "ws", Law: scorer.LawStatic, At: time.Now(), Decisions: []scorer.Decision{
		{Backend: "a", Weight: 1.5, State: scorer.StateReady},
		{Backend: "b", Weight: 0.5, State: scorer.StateReady},
		{Backend: "c", State: scorer.StateDraining, Drained: true},
	}}
	for _, target := range targets {
		target.SetBackends([]scorer.Backend{
			{Name: "a", Address: "10.0.0.1:80"}, {Name: "b", Address: "[2001:db8::2]:80"}, {Name: "c", Address: "10.0.0.3:80"},
		})
		// Nobody is connected, which is an error of the target and not of this test.
		_, _ = target.Apply(t.Context(), plan)
	}
	for _, target := range targets {
		_, _ = target.Apply(t.Context(), plan)
	}
	connection, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, connection
}

func names(d Dump) map[string][]string {
	out := map[string][]string{}
	for _, all := range d.resources {
		for _, r := range all.list {
			out[all.kind.String()] = append(out[all.kind.String()], r.name)
		}
	}
	return out
}

func TestFetch(t *testing.T) {
	_, connection := served(t)
	all := map[string][]string{"cds": {"ws"}, "eds": {"ws"}, "lds": {"ws"}, "rds": {"ws"}}
	for _, test := range []struct {
		name    string
		query   Query
		want    map[string][]string
		missing []string
	}{
		{"all that an Envoy is served", Query{View: ViewEnvoy}, all, nil},
		{"all that a gRPC client is served", Query{View: ViewGRPC}, all, nil},
		{"by name", Query{View: ViewGRPC, Names: []string{"ws"}}, all, nil},
		{"one type", Query{View: ViewEnvoy, Type: "rds"}, map[string][]string{"rds": {"ws"}}, nil},
		{"one type of gRPC's", Query{View: ViewGRPC, Type: "rds"}, map[string][]string{"rds": {"ws"}}, nil},
		{"one resource", Query{View: ViewEnvoy, Type: "eds", Names: []string{"ws"}}, map[string][]string{"eds": {"ws"}}, nil},
		{"a cluster that does not exist", Query{View: ViewEnvoy, Type: "cds", Names: []string{"no", "ws"}}, map[string][]string{"cds": {"ws"}}, []string{"cds no"}},
		{"a name of nothing", Query{View: ViewEnvoy, Names: []string{"no"}}, map[string][]string{}, []string{"no (neither cds nor lds)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			test.query.Node = "edge-1"
			got, err := Fetch(ctx, connection, test.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, names(got)); diff != "" || got.TimedOut {
				t.Errorf("timed out: %v, resources (-want +got):\n%s", got.TimedOut, diff)
			}
			if diff := cmp.Diff(test.missing, got.Missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
		})
	}
}

// expiring is a context whose deadline is when it is said.
type expiring struct {
	context.Context
	over chan struct{}
}

func (e expiring) Done() <-chan struct{} { return e.over }

func (e expiring) Err() error {
	select {
	case <-e.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestFetchSaysWhatDidNotCome(t *testing.T) {
	s, connection := served(t)
	ctx := expiring{t.Context(), make(chan struct{})}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		defer close(ctx.over)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for { // until it has what there is
			for _, n := range s.Nodes() {
				if len(n.Types) > 0 && n.Types[0].Acked != "" {
					return
				}
			}
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
			}
		}
	})
	got, err := Fetch(ctx, connection, Query{Node: "edge-1", View: ViewEnvoy, Type: "eds", Names: []string{"later", "ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"eds later"}, got.Missing); diff != "" || !got.TimedOut {
		t.Errorf("timed out %v, missing (-want +got):\n%s", got.TimedOut, diff)
	}
	if diff := cmp.Diff(map[string][]string{"eds": {"ws"}}, names(got)); diff != "" {
		t.Errorf("what came before (-want +got):\n%s", diff)
	}
}

func TestFetchErrors(t *testing.T) {
	_, connection := served(t)
	for node, want := range map[string]string{"": "no node id", "stranger": "is not admitted"} {
		_, err := Fetch(t.Context(), connection, Query{Node: node, View: ViewEnvoy})
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			t.Errorf("node %q: error %v, want %q", node, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fetch(ctx, connection, Query{Node: "edge-1"}); !errors.Is(ctx.Err(), context.Canceled) || err == nil {
		t.Errorf("interrupted: error %v, want one", err)
	}
}

// A dump is answered for at once, so that whoever waits for clients does not wait
// for it.
func TestADumpLeavesNothingUnanswered(t *testing.T) {
	s, connection := served(t)
	if _, err := Fetch(t.Context(), connection, Query{Node: "edge-1", View: ViewGRPC}); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(s.Nodes()) > 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("still there")
		case <-tick.C:
		}
	}
	for url, c := range s.Counters().Types {
		if c.Nacks > 0 {
			t.Errorf("%s: %d refused", url, c.Nacks)
		}
	}
}

func TestTable(t *testing.T) {
	_, connection := served(t)
	for view, want := range map[string]string{
		ViewEnvoy: `TYPE  NAME  VERSION  ADDRESS           WEIGHT  SHARE   HEALTH
eds   ws    V        10.0.0.1:80       655360  75.0 %  healthy
                     [2001:db8::2]:80  218453  25.0 %  healthy
                     10.0.0.3:80       218453  -       draining
`,
		ViewGRPC: `TYPE  NAME  VERSION  ADDRESS           WEIGHT  SHARE   HEALTH
eds   ws    V        10.0.0.1:80       655360  75.0 %  healthy
                     [2001:db8::2]:80  218453  25.0 %  healthy
`,
	} {
		t.Run(view, func(t *testing.T) {
			d, err := Fetch(t.Context(), connection, Query{Node: "edge-1", View: view, Type: "eds"})
			if err != nil {
				t.Fatal(err)
			}
			for i := range d.resources {
				for j := range d.resources[i].list {
					d.resources[i].list[j].version = "V"
				}
			}
			var got bytes.Buffer
			if err := d.WriteTable(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	_, connection := served(t)
	d, err := Fetch(t.Context(), connection, Query{Node: "edge-1", View: ViewEnvoy})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := d.WriteJSON(&text); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Node, View string
		Missing    []string
		Resources  map[string][]struct {
			Name, Version string
			Resource      map[string]any
		}
	}
	if err := json.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"cds", "eds", "lds", "rds"} {
		list := got.Resources[kind]
		if len(list) != 1 || list[0].Name != "ws" || list[0].Version == "" || len(list[0].Resource) == 0 {
			t.Errorf("%s: %+v", kind, list)
		}
	}
	if got.Node != "edge-1" || got.View != "envoy" || got.Missing == nil || fmt.Sprint(got.Resources["eds"][0].Resource["cluster_name"]) != "ws" {
		t.Errorf("%s", text.String())
	}
}
