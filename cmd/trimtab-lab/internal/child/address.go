package child

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// FreeAddress is an ip:port that nobody listens on. Where all of 127.0.0.0/8 is
// this machine's it is on an address of its own, so that no connection of another
// program can take the port before the child has it.
func FreeAddress(ctx context.Context) (string, error) {
	own := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	var errs []error
	for _, ip := range []net.IP{own, net.IPv4(127, 0, 0, 1)} {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip.String(), "0"))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("an address to listen on: %w", errors.Join(errs...))
}
