package realrun

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

const (
	// statusTimeout bounds a look at trimtab's status, which is one of a second.
	statusTimeout = time.Second
	// maxStatus is far more than the status of one pool.
	maxStatus = 16 << 20
)

// shares are what the weights in force come to by trimtab's own status, relative
// to each other.
func (t *trimtab) shares(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.config.admin+"/api/v1/status", nil)
	if err != nil {
		return nil, fmt.Errorf("trimtab's status: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("trimtab's status: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("trimtab's status: %s", resp.Status)
	}
	return parseShares(io.LimitReader(resp.Body, maxStatus))
}

func parseShares(in io.Reader) (map[string]float64, error) {
	var document struct {
		Pools []struct {
			Name     string `json:"name"`
			Backends []struct {
				Name      string   `json:"name"`
				WeightNow *float64 `json:"weight_now"`
			} `json:"backends"`
		} `json:"pools"`
	}
	if err := json.NewDecoder(in).Decode(&document); err != nil {
		return nil, fmt.Errorf("trimtab's status: %w", err)
	}
	for _, p := range document.Pools {
		if p.Name != stack.Pool {
			continue
		}
		out := make(map[string]float64, len(p.Backends))
		for _, b := range p.Backends {
			if b.WeightNow != nil {
				out[b.Name] = *b.WeightNow
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("trimtab's status: no pool %s", stack.Pool)
}
