//go:build !unix

package usage

import (
	"errors"
	"time"
)

func ownTime() (time.Duration, error) {
	return 0, errors.New("processor time is not read on this system")
}
