//go:build !linux

package realtime

import "errors"

// Enter returns Normal: only Linux is supported.
func Enter() (Class, error) {
	return Normal, errors.New("real-time priority: only on Linux")
}
