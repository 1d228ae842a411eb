package backend

import (
	"encoding/json"
	"fmt"
	"net/http"
)

func (b *Backend) serveFaults(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(b.Faults())
}

// maxFaults bounds the body of a change of faults.
const maxFaults = 4 << 10

func (b *Backend) changeFaults(w http.ResponseWriter, r *http.Request) {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxFaults))
	body.DisallowUnknownFields()
	var f Faults
	if err := body.Decode(&f); err != nil {
		http.Error(w, fmt.Sprintf("faults: %v", err), http.StatusBadRequest)
		return
	}
	if f.Refuse {
		http.Error(w, "faults: a backend that refuses connections could not be told to stop: use hang", http.StatusBadRequest)
		return
	}
	if err := b.SetFaults(r.Context(), f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.serveFaults(w, r)
}
