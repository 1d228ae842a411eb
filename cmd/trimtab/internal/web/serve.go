package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// shutdownTimeout bounds what is left to finish when the server stops.
const shutdownTimeout = 5 * time.Second

// Serve answers on the listener until ctx ends, and returns when every request
// has ended: requests under way see their context end, and are cut off after
// 5 s. The listener is closed in any case. The error is nil after ctx ended in
// time.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		// Profiles take as long as they are asked to.
		WriteTimeout:   5 * time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		// Handlers log for themselves; the rest is clients that went away.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("admin server on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	cancel()
	finish, stop := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer stop()
	err := srv.Shutdown(finish)
	if err != nil {
		err = fmt.Errorf("admin server on %s: requests cut off after %s: %w", l.Addr(), shutdownTimeout, errors.Join(err, srv.Close()))
	}
	<-failed
	return err
}
