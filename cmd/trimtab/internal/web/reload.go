package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// reloadTimeout is for a configuration whose targets must be reached anew.
const reloadTimeout = 30 * time.Second

// reload answers when the new configuration is in force, or with all that is
// wrong with it.
func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), reloadTimeout)
	defer cancel()
	if err := s.Reload(ctx); err != nil {
		http.Error(w, "the configuration stays as it was:\n"+err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintln(w, "reloaded")
}
