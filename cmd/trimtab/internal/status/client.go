package status

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	// getTimeout bounds a request whose context has no nearer deadline.
	getTimeout = 5 * time.Second
	// maxDocument is room for a hundred thousand backends.
	maxDocument = 128 << 20
)

// Get reads the document from a running trimtab at host:port.
func Get(ctx context.Context, addr string) (Document, error) {
	d, err := get(ctx, addr)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Document{}, fmt.Errorf("trimtab at %s: %w: is it running there? see --addr and admin.listen", addr, syscall.ECONNREFUSED)
	}
	if err != nil {
		return Document{}, fmt.Errorf("trimtab at %s: %w", addr, err)
	}
	return d, nil
}

func get(ctx context.Context, addr string) (Document, error) {
	ctx, cancel := context.WithTimeout(ctx, getTimeout)
	defer cancel()
	base := strings.TrimSuffix(addr, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/status", nil)
	if err != nil {
		return Document{}, err
	}
	// The address is meant as it is: no proxy from the environment.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return Document{}, err
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, maxDocument)
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(body, 512))
		return Document{}, errors.Join(fmt.Errorf("get status: %s: %s", response.Status, oneLine(string(text))), err)
	}
	var d Document
	if err := json.NewDecoder(body).Decode(&d); err != nil {
		return Document{}, fmt.Errorf("the answer is not a trimtab status: %w", err)
	}
	return d, nil
}
