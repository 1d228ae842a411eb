package web

import "net/http"

// observation is what was seen of a pool over the last minutes, see package
// observation.
func (s *server) observation(w http.ResponseWriter, r *http.Request) {
	d, err := s.Observe(r.Context(), r.PathValue("pool"))
	if err != nil {
		s.refuseError(w, err)
		return
	}
	d.Program = s.Version
	s.writeJSON(w, http.StatusOK, d)
}
