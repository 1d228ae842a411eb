package observation

import (
	"context"
	"fmt"
	"net/url"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
)

// Get reads what a running trimtab has seen of a pool.
func Get(ctx context.Context, c client.Client, pool string) (Document, error) {
	var d Document
	if err := c.Get(ctx, "/api/v1/pools/"+url.PathEscape(pool)+"/observation", &d); err != nil {
		return Document{}, err
	}
	if d.Version != Version {
		return Document{}, fmt.Errorf("trimtab at %s: its observations have version %d, and this program reads %d: use the program of that version", c.Addr, d.Version, Version)
	}
	return d, nil
}
