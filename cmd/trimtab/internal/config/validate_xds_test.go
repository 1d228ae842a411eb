package config

import (
	"strings"
	"testing"
)

// Load reports name a cluster or a service and nothing more.
func TestReportsOfTwoPoolsAreToldApart(t *testing.T) {
	const text = `xds: {listen: "127.0.0.1:18000"}
pools:
  - name: a
    backends: [{name: s1, address: "10.0.0.1:80"}]
    targets: [envoy: {cluster: web}, grpc: {service: web}]
  - name: b
    backends: [{name: s1, address: "10.0.0.2:80"}]
    targets: [grpc: {service: NAME}]
`
	if _, err := Parse("test.yaml", []byte(strings.ReplaceAll(text, "NAME", "api"))); err != nil {
		t.Error(err)
	}
	_, err := Parse("test.yaml", []byte(strings.ReplaceAll(strings.ReplaceAll(text, ", grpc: {service: web}", ""), "NAME", "web")))
	if err == nil || !strings.Contains(err.Error(), "name of envoy cluster web of pool a") || !strings.Contains(err.Error(), "test.yaml:8") {
		t.Errorf("two pools of one name: %v", err)
	}
}

func TestAMissingHAProxyIsSaidOnce(t *testing.T) {
	const text = `xds: {listen: "127.0.0.1:18000"}
pools:
  - name: a
    from: haproxy
    targets: [envoy: {}, redirect: {listen: "127.0.0.1:8090"}]
`
	_, err := Parse("test.yaml", []byte(text))
	if err == nil || strings.Count(err.Error(), "there is no HAProxy among the targets") != 1 {
		t.Errorf("error %v, want one that says it once", err)
	}
}
