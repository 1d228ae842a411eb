package policy

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"

	"github.com/trimtab-lb/trimtab/haproxy"
)

// Running is the algorithm in force as "show stat" names it, "unknown" for
// random; "" where the socket does not tell.
func Running(ctx context.Context, socket, backend string) (string, error) {
	s, err := haproxy.NewSession(socket)
	if err != nil {
		return "", err
	}
	defer s.Close()
	algorithm := ""
	_, err = s.Exchange(ctx, []string{"show stat -1 2 -1"}, func(_ int, text []byte) (err error) {
		algorithm, err = parseAlgorithm(text, backend)
		return err
	})
	return algorithm, err
}

// InForce says whether an algorithm that Running returned may be the wanted one.
func InForce(running, wanted string) bool {
	if canonical(wanted) == "random(2)" {
		return running == "unknown"
	}
	return running == wanted
}

// parseAlgorithm reads a backend's algorithm from "show stat". HAProxy has no
// name there for random and its draws.
func parseAlgorithm(text []byte, backend string) (string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimLeft(text, "# ")))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return "", fmt.Errorf("show stat: %w", err)
	}
	if len(rows) == 0 {
		return "", errors.New("show stat: empty reply")
	}
	name, column := slices.Index(rows[0], "pxname"), slices.Index(rows[0], "algo")
	if name < 0 || column < 0 {
		return "", nil // a socket of level user does not show it
	}
	for _, row := range rows[1:] {
		if len(row) > max(name, column) && row[name] == backend {
			return row[column], nil
		}
	}
	return "", fmt.Errorf("show stat: %w: %q", ErrNoBackend, backend)
}
