// Package orca reports a backend's load over gRPC, and counts what a gRPC server
// does.
//
//	calls ──▶ ServerOptions ──▶ report.Reporter ──┬▶ trailer endpoint-load-metrics-bin
//	                                              └▶ Service: xds.service.orca.v3.OpenRcaService
//
//	server := grpc.NewServer(orca.ServerOptions(reporter)...)
//	service := orca.Register(server, reporter)
//	…
//	service.Close() // before server.GracefulStop, which waits for open streams
//
// Package google.golang.org/grpc/orca has such a service, too, but sends at most
// one report in 30 seconds.
package orca
