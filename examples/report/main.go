// Command report is a server of WebSockets that reports its load to trimtab, and tells
// clients to connect anew when it is asked to.
//
//	clients ─▶ :8080  WebSockets, which echo, counted by the middleware
//	trimtab ─▶ :9001  GET /load; POST /shed, /drain and /undrain with the token
//	trimtab ─▶ :9002  the same load report over ORCA, pushed
//
// It is there to be looked at and copied from.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/orca"
)

const (
	headerTimeout = 5 * time.Second
	closeTimeout  = 3 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "report:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	public := flags.String("listen", ":8080", "where clients connect")
	private := flags.String("private", "127.0.0.1:9001", "where the load report and the hooks are served")
	pushed := flags.String("orca", "127.0.0.1:9002", "where the load report is pushed over gRPC")
	tokenFile := flags.String("token-file", "/etc/trimtab/shed-token", "the token that hooks want")
	if err := flags.Parse(args); err != nil {
		return err
	}

	// Measures from now on.
	reporter, err := report.New(report.Options{})
	if err != nil {
		return err
	}
	defer reporter.Close()

	token := func() (string, error) { // at each request, so that it can be replaced
		text, err := os.ReadFile(*tokenFile)
		return strings.TrimSpace(string(text)), err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// Counts what is served.
		return serveHTTP(ctx, *public, reporter.Middleware(echo(reporter)))
	})
	group.Go(func() error {
		// Tells the load, and takes requests to let connections go.
		return serveHTTP(ctx, *private, report.Endpoints{Load: reporter, Shed: reporter, Drain: reporter, Token: token}.Handler())
	})
	group.Go(func() error {
		// Tells the load without being asked each time.
		return serveORCA(ctx, *pushed, reporter)
	})
	return group.Wait()
}

// echo sends back what clients send, until either side closes.
func echo(reporter *report.Reporter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // the client has been told
		}
		defer func() { _ = socket.CloseNow() }()
		// How this one is told to go.
		reporter.Connection(w, report.CloseWebSocket(socket, report.ServiceRestart))
		for {
			kind, message, err := socket.Read(r.Context())
			if err != nil {
				return
			}
			if err := socket.Write(r.Context(), kind, message); err != nil {
				return
			}
		}
	})
}

// serveHTTP serves until ctx ends, and connections that were taken over with it.
func serveHTTP(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{
		Addr: address, Handler: handler, ReadHeaderTimeout: headerTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		closed <- server.Shutdown(closing)
	})
	if err := server.ListenAndServe(); stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", address, err)
	}
	return <-closed
}

func serveORCA(ctx context.Context, address string, load report.Source) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve ORCA: %w", err)
	}
	server := grpc.NewServer()
	service := orca.Register(server, load)
	stop := context.AfterFunc(ctx, func() { service.Close(); server.Stop() })
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve ORCA %s: %w", address, err)
	}
	server.Stop() // waits for what is under way
	return nil
}
