package main

import (
	"fmt"
	"math"
	"net"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// reporter streams the same load for ever.
type reporter struct {
	orcaservicev3.UnimplementedOpenRcaServiceServer
	utilization float64
}

func (r reporter) StreamCoreMetrics(in *orcaservicev3.OrcaLoadReportRequest, stream grpc.ServerStreamingServer[orcav3.OrcaLoadReport]) error {
	ticker := time.NewTicker(in.GetReportInterval().AsDuration())
	defer ticker.Stop()
	for {
		if err := stream.Send(&orcav3.OrcaLoadReport{ApplicationUtilization: r.utilization}); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// Backends that stream ORCA reports on a port of their own.
func TestORCAReportsArrive(t *testing.T) {
	in := proxy(t, twoPools)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	orcaservicev3.RegisterOpenRcaServiceServer(server, reporter{utilization: 0.62})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-ended })
	r := start(t, fmt.Sprintf(`  - name: web
    backends: [{name: s1, address: "127.0.0.1:1"}, {name: s2, address: "127.0.0.1:1"}]
    load: [orca: {port: %d, period: 200ms}]
    targets: [{haproxy: {socket: %q}}]
`, l.Addr().(*net.TCPAddr).Port, in.Socket()))
	r.until(t, "showing the utilization that is reported", func(d status.Document) bool {
		if len(d.Pools) != 1 || len(d.Pools[0].Backends) != 2 {
			return false
		}
		for _, b := range d.Pools[0].Backends {
			if math.Abs(float64(b.Utilization)-0.62) > 1e-3 {
				return false
			}
		}
		return true
	})
}
