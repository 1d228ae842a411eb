package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair/keypairtest"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

const servedPools = `
- name: ws
  kind: connections
  backends: [{name: a, address: "127.0.0.1:7001"}, {name: b, address: "127.0.0.1:7002", capacity: 3}]
  targets: [{envoy: {listener: {address: "127.0.0.1:0"}}}, {grpc: {}}]
`

// serving runs trimtab with an xDS server.
func serving(t *testing.T, tls string) (r *running, xds string) {
	t.Helper()
	xds = freePort(t)
	return start(t, servedPools+fmt.Sprintf("xds: {listen: %q%s}\n", xds, tls)), xds
}

func stepped(d status.Document) bool { return len(d.Pools) == 1 && d.Pools[0].Tick > 0 }

func TestXDSUsage(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a type that is none", []string{"--type", "sds"}, exitUsage, "--type"},
		{"no time", []string{"--timeout", "0s"}, exitUsage, "must be positive"},
		{"half a certificate", []string{"--cert", "/c"}, exitUsage, "--cert needs --key"},
		{"no such CA", []string{"--ca", "/nowhere.pem"}, exitFailed, "/nowhere.pem"},
		{"nobody there", []string{"--server", "127.0.0.1:1"}, exitFailed, "connection refused: is trimtab running there, with xds.listen?"},
		{"no address", []string{"--server", "nonsense"}, exitFailed, "xds nonsense: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, errs := call(t, append([]string{"xds", "dump"}, test.args...)...)
			if code != test.code || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d, want %d; says %q, want %q", code, test.code, errs, test.says)
			}
		})
	}
}

func TestXDSDumpShowsWhatIsServed(t *testing.T) {
	r, xds := serving(t, "")
	r.until(t, "stepped", stepped)
	for _, test := range []struct {
		name, want string
		args       []string
		code       int
	}{
		{"an Envoy", "90.0 %", nil, exitFine},
		{"a gRPC client", "75.0 %", []string{"--view", "grpc"}, exitFine},
		{"as JSON", `"load_balancing_weight"`, []string{"-o", "json", "--type", "eds"}, exitFine},
		{"what is not there", "", []string{"--name", "none"}, exitFailed},
		{"endpoints that are not there", "", []string{"--type", "eds", "--name", "none", "--timeout", "200ms"}, exitFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := call(t, append([]string{"xds", "dump", "--server", xds}, test.args...)...)
			if code != test.code || !strings.Contains(out, test.want) {
				t.Errorf("exit code %d, want %d; %s\n%s\nwant %q", code, test.code, errs, out, test.want)
			}
		})
	}
}

func TestXDSDumpOverTLS(t *testing.T) {
	dir := t.TempDir()
	keypairtest.Write(t, dir, "edge-1.example.test")
	file := func(name string) string { return filepath.Join(dir, name) }
	r, xds := serving(t, fmt.Sprintf(", tls: {cert: %q, key: %q, client_ca: %q}, nodes: [\"trimtab-*\"]", file("cert.pem"), file("key.pem"), file("cert.pem")))
	r.until(t, "stepped", stepped)
	code, out, errs := call(t, "xds", "dump", "--server", xds, "--ca", file("cert.pem"), "--cert", file("cert.pem"), "--key", file("key.pem"), "--type", "eds")
	if code != exitFine || !strings.Contains(out, "127.0.0.1:7002") {
		t.Errorf("exit code %d: %s%s", code, errs, out)
	}
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"without TLS":           {nil, "--ca is missing"},
		"without a certificate": {[]string{"--ca", file("cert.pem")}, "--cert and --key are missing"},
		"under another name":    {[]string{"--ca", file("cert.pem"), "--cert", file("cert.pem"), "--key", file("key.pem"), "--server-name", "other.test"}, "--server-name says"},
		"as another node":       {[]string{"--ca", file("cert.pem"), "--cert", file("cert.pem"), "--key", file("key.pem"), "--node", "guest"}, "--node says which node to be"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := call(t, append([]string{"xds", "dump", "--server", xds}, test.args...)...)
			if code != exitFailed || !strings.Contains(errs, test.says) || strings.Contains(errs, "rpc error") {
				t.Errorf("exit code %d: %s, want %q", code, errs, test.says)
			}
		})
	}
}

// What TLS is not spoken with, and what is no xDS server, is told.
func TestXDSDumpOfTheWrongServer(t *testing.T) {
	dir := t.TempDir()
	keypairtest.Write(t, dir, "edge-1.example.test")
	r, xds := serving(t, "")
	r.until(t, "stepped", stepped)
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"TLS to plain text": {[]string{"--server", xds, "--ca", filepath.Join(dir, "cert.pem")}, "the server speaks plain text"},
		"the admin server":  {[]string{"--server", r.addr}, "not on admin.listen"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := call(t, append([]string{"xds", "dump"}, test.args...)...)
			if code != exitFailed || !strings.Contains(errs, test.says) {
				t.Errorf("exit code %d: %s, want %q", code, errs, test.says)
			}
		})
	}
}

// An Envoy with nothing but the printed bootstrap is in the table of clients.
func TestStatusShowsAnEnvoy(t *testing.T) {
	binary := realEnvoy(t)
	r, xds := serving(t, "")
	r.until(t, "stepped", stepped)
	_, bootstrap, _ := call(t, "envoy", "bootstrap", "--server", xds, "--node-id", "edge-7")
	in, err := envoyinstance.Start(t.Context(), envoyinstance.Options{Binary: binary, Config: bootstrap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	document := r.until(t, "served and reporting", func(d status.Document) bool {
		return d.XDS != nil && len(d.XDS.Nodes) == 1 && len(d.XDS.Nodes[0].Types) == 4 && d.XDS.Nodes[0].LoadReportAgeSeconds.Known()
	})
	node := document.XDS.Nodes[0]
	if node.ID != "edge-7" || node.View != "envoy" || !strings.HasPrefix(node.UserAgent, "envoy ") {
		t.Errorf("node %+v", node)
	}
	for _, k := range node.Types {
		if k.Protocol != "delta" || k.Nack != nil || k.VersionAcked == "" {
			t.Errorf("type %+v", k)
		}
	}
	_, table, _ := call(t, "status", "--addr", r.addr)
	if !strings.Contains(table, "edge-7  edge     envoy  envoy ") || !strings.Contains(table, "delta: cds *, eds 1, lds *, rds 1") {
		t.Errorf("table\n%s", table)
	}
	metrics := get(t, "http://"+r.addr+"/metrics")
	if !strings.Contains(metrics, `trimtab_xds_connected_nodes{view="envoy"} 1`) || !strings.Contains(metrics, `trimtab_xds_responses_total{result="nack",type="eds"} 0`) {
		t.Error("the metrics lack what was served")
	}
}
