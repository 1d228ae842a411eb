package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/xds"
)

func TestXDSOptionsAreTheFiles(t *testing.T) {
	c, err := config.Parse("trimtab.yaml", []byte(`
xds:
  listen: "127.0.0.1:18000"
  tls: {cert: /c.pem, key: /k.pem, client_ca: /ca.pem, clients: ["edge-*"]}
  nodes: ["edge-*"]
  report_period: 300ms
  max_streams: 7
  max_connection_age: 30m
pools: [{name: web, backends: [{name: a, address: "127.0.0.1:1"}], targets: [envoy: {}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	want := xds.Options{
		Listen: "127.0.0.1:18000", Nodes: []string{"edge-*"}, ReportInterval: 300 * time.Millisecond,
		MaxStreams: 7, MaxConnectionAge: 30 * time.Minute,
		TLS: &xds.TLS{Cert: "/c.pem", Key: "/k.pem", ClientCA: "/ca.pem", Clients: []string{"edge-*"}},
	}
	if diff := cmp.Diff(want, xdsOptions(c.XDS)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
