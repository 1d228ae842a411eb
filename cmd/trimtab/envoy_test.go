package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	envoyinstance "github.com/trimtab-lb/trimtab/xds/instance"
)

const edgePools = `
- name: ws
  kind: connections
  backends: [{name: a, address: "127.0.0.1:7001"}]
  load: [orca: {}]
  targets: [{envoy: {cluster: web}}, {haproxy: {socket: /run/s}}]
- name: robin
  backends: [{name: a, address: "127.0.0.1:7001"}]
  targets: [envoy: {policy: round_robin}]
- name: twice
  backends: [{name: a, address: "127.0.0.1:7001"}]
  targets: [{envoy: {cluster: twice-a}}, {envoy: {cluster: twice-b, bias: 0.25}}]
- name: dry
  backends: [{name: a, address: "127.0.0.1:7001"}]
  targets: [grpc: {}]
`

func edgeConfig(t *testing.T, xds string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trimtab.yaml")
	write(t, path, "xds: "+xds+"\npools:"+edgePools)
	return path
}

func TestEnvoyUsage(t *testing.T) {
	open := edgeConfig(t, `{listen: "127.0.0.1:18000"}`)
	anywhere := edgeConfig(t, `{listen: ":18000", tls: {cert: /c.pem, key: /k.pem, client_ca: /ca.pem}}`)
	bare := filepath.Join(t.TempDir(), "bare.yaml")
	write(t, bare, "pools: [{name: p, from: haproxy, targets: [haproxy: {socket: /run/s}]}]\n")
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"bootstrap of a server anywhere", []string{"bootstrap", "--config", anywhere}, exitUsage, []string{"--server is missing", "--ca is missing", "--cert and --key are missing"}},
		{"bootstrap without a pool for Envoys", []string{"bootstrap", "--config", bare}, exitFailed, []string{bare, "no pool has an envoy target"}},
		{"bootstrap with half an address", []string{"bootstrap", "--server", "h"}, exitUsage, []string{"xDS server"}},
		{"a certificate without a CA", []string{"bootstrap", "--server", "h:1", "--cert", "/c"}, exitUsage, []string{"without a CA"}},
		{"no node", []string{"bootstrap", "--server", "h:1", "--node-id", ""}, exitUsage, []string{"node id"}},
		{"cluster without a pool", []string{"cluster"}, exitUsage, []string{"--pool"}},
		{"no such file", []string{"cluster", "--pool", "p", "--config", "/nowhere.yaml"}, exitFailed, []string{"/nowhere.yaml"}},
		{"no such pool", []string{"cluster", "--pool", "p", "--config", open}, exitFailed, []string{`no pool "p"`, "ws, robin"}},
		{"no target", []string{"cluster", "--pool", "dry", "--config", open}, exitFailed, []string{"no envoy target", "envoy: {}"}},
		{"which target", []string{"cluster", "--pool", "twice", "--config", open}, exitFailed, []string{"several envoy targets", "--cluster twice-a or --cluster twice-b"}},
		{"all that is missing", []string{"cluster", "--pool", "ws", "--config", anywhere}, exitUsage, []string{"--server is missing", "--ca is missing", "/c.pem", "--cert and --key are missing", "/ca.pem"}},
		{"TLS that is not spoken", []string{"cluster", "--pool", "ws", "--config", open, "--ca", "/ca"}, exitUsage, []string{"xds.tls is not set"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := call(t, append([]string{"envoy"}, test.args...)...)
			if code != test.code || out != "" {
				t.Errorf("exit code %d, want %d; prints %q", code, test.code, out)
			}
			for _, says := range test.says {
				if !strings.Contains(errs, says) {
					t.Errorf("says %q, want %q", errs, says)
				}
			}
		})
	}
}

func TestEnvoyClusterTakesFromTheFile(t *testing.T) {
	file := edgeConfig(t, `{listen: "127.0.0.1:18000"}`)
	_, out, errs := call(t, "envoy", "cluster", "--pool", "ws", "--config", file, "--cluster", "mine", "--node-id", "edge-7")
	for _, part := range []string{`name: "mine"`, `service_name: "web"`, `port_value: 18000`, "FULL_SCAN", `id: "edge-7"`} {
		if !strings.Contains(out, part) {
			t.Errorf("lacks %q:\n%s%s", part, out, errs)
		}
	}
	if strings.Contains(out, "load_stats_config") {
		t.Error("asks for load reports although the backends report")
	}
	_, out, _ = call(t, "envoy", "cluster", "--pool", "robin", "--config", file)
	if !strings.Contains(out, "lb_policy: ROUND_ROBIN") || !strings.Contains(out, "load_stats_config") {
		t.Errorf("has not the target's policy, or asks for no load reports:\n%s", out)
	}
	_, out, _ = call(t, "envoy", "cluster", "--pool", "twice", "--config", file, "--cluster", "twice-b")
	if !strings.Contains(out, "active_request_bias: {default_value: 0.25") || strings.Contains(out, "service_name") {
		t.Errorf("has not the bias of the target for the cluster:\n%s", out)
	}
}

func realEnvoy(t *testing.T) string {
	t.Helper()
	path, err := envoyinstance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

func TestEnvoyAcceptsWhatIsPrinted(t *testing.T) {
	binary := realEnvoy(t)
	for name, args := range map[string][]string{
		"bootstrap":         {"bootstrap"},
		"bootstrap by file": {"bootstrap", "--config", edgeConfig(t, `{listen: "127.0.0.1:18000"}`)},
		"bootstrap by name": {"bootstrap", "--server", "trimtab.example.test:18000", "--sotw", "--no-load-reports", "--admin", "127.0.0.1:9999"},
		"cluster":           {"cluster", "--pool", "p"},
		"connections":       {"cluster", "--server", "127.0.0.1:18000", "--pool", "p", "--cluster", "c", "--kind", "connections", "--health-checked", "--sotw", "--no-load-reports"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := call(t, append([]string{"envoy"}, args...)...)
			if code != exitFine {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			if err := envoyinstance.Validate(t.Context(), binary, out); err != nil {
				t.Error(err)
			}
		})
	}
}
