package orca_test

import (
	"log"
	"net"

	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/orca"
)

// A gRPC server that counts its calls and reports its load on the same port.
func Example() {
	reporter, err := report.New(report.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer reporter.Close()
	server := grpc.NewServer(orca.ServerOptions(reporter)...)
	service := orca.Register(server, reporter)
	defer service.Close() // before a GracefulStop

	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		log.Fatal(err)
	}
	log.Print(server.Serve(listener))
}
