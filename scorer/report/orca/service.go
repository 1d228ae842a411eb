package orca

import (
	"sync"
	"time"

	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/scorer/report"
)

const (
	// MinPeriod is the shortest time between two reports, whatever is asked for.
	MinPeriod = 100 * time.Millisecond
	// DefaultPeriod is for clients that ask for no period.
	DefaultPeriod = time.Second
)

// Service is xds.service.orca.v3.OpenRcaService: it sends a load report at once
// and then again and again, with the period that the client asks for.
type Service struct {
	orcaservicev3.UnimplementedOpenRcaServiceServer

	source report.Source
	closed chan struct{}
	once   sync.Once
}

// Register adds the service to a server.
func Register(server grpc.ServiceRegistrar, source report.Source) *Service {
	s := &Service{source: source, closed: make(chan struct{})}
	orcaservicev3.RegisterOpenRcaServiceServer(server, s)
	return s
}

// Close ends all streams, present and future: clients are told UNAVAILABLE.
func (s *Service) Close() { s.once.Do(func() { close(s.closed) }) }

// StreamCoreMetrics sends reports until the client or Close ends it.
func (s *Service) StreamCoreMetrics(request *orcaservicev3.OrcaLoadReportRequest, stream orcaservicev3.OpenRcaService_StreamCoreMetricsServer) error {
	ticker := time.NewTicker(period(request))
	defer ticker.Stop()
	for {
		if err := stream.Send(s.source.Load().Proto()); err != nil {
			return err // gRPC's own status
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-s.closed:
			return status.Error(codes.Unavailable, "the server is shutting down")
		case <-ticker.C:
		}
	}
}

func period(request *orcaservicev3.OrcaLoadReportRequest) time.Duration {
	asked := request.GetReportInterval()
	if asked.CheckValid() != nil || asked.AsDuration() == 0 {
		return DefaultPeriod
	}
	return max(asked.AsDuration(), MinPeriod)
}
