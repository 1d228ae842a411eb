package haproxy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxShown is how many refused servers an error names.
const maxShown = 3

// tell sends commands that are silent when they work, all in one exchange, and
// calls done for each that did. Every refusal is an error that names what was
// refused; the other commands are in force all the same.
func (b *Backend) tell(ctx context.Context, commands []string, done func(i int)) (at time.Time, err error) {
	var errs []error
	failed := 0
	at, err = b.proxy.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if len(text) == 0 {
			done(i)
			return nil
		}
		refusal := refused(commands[i], text)
		b.following.fixed = b.following.fixed || errors.Is(refusal, ErrStaticAlgorithm)
		if failed++; failed <= maxShown {
			errs = append(errs, fmt.Errorf("%s: %w", b.proxy.session.name, refusal))
		}
		return nil
	})
	if failed > maxShown {
		errs = append(errs, fmt.Errorf("and %d more servers", failed-maxShown))
	}
	return at, errors.Join(append(errs, err)...)
}

// address is how a command names a server.
func (b *Backend) address(server string) (string, error) {
	if err := checkName("server", server); err != nil {
		return "", fmt.Errorf("%s: backend %s: %w", b.proxy.session.name, b.name, err)
	}
	return b.name + "/" + server, nil
}
