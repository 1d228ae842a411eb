package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/scorer"
)

// prober asks backends whether they are well, each time over a connection of its
// own, as a client would come.
type prober struct{ config config.Probe }

// maxProbe is as much of an answer as is read.
const maxProbe = 64 << 10

// Probe implements tuner.Prober.
func (p prober) Probe(ctx context.Context, b scorer.Backend) error {
	if b.Address == "" {
		return errors.New("its address is not known: configure it")
	}
	if p.config.TCP {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", b.Address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Address+p.config.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "trimtab-probe")
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true},
		// Where it leads to is another server's health.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, maxProbe)); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	return nil
}
