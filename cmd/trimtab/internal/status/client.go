package status

import (
	"context"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
)

// Get reads the document from a running trimtab.
func Get(ctx context.Context, c client.Client) (Document, error) {
	var d Document
	if err := c.Get(ctx, "/api/v1/status", &d); err != nil {
		return Document{}, err
	}
	return d, nil
}
