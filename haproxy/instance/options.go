package instance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

const systemBinary = "/usr/sbin/haproxy"

// maxSocketPath is sun_path's size less its closing NUL and less the suffix
// that HAProxy appends while it binds (".<pid>.tmp", pid up to 7 digits).
const maxSocketPath = 107 - 12

// Options say which HAProxy to start and with what.
type Options struct {
	// Binary is the program's path; "" is what Find returns.
	Binary string
	// Config is the full configuration text. @SOCKET@ in it becomes the path of
	// the stats socket and must occur; @FD0@, @FD1@, … become the addresses of
	// the inherited listeners, to be used as `bind @FD0@`.
	Config string
	// Listeners is how many loopback listeners to open and pass on. Their
	// addresses are Instance.Addr(0) to Addr(Listeners-1).
	Listeners int
	// Dir is where the instance's own temporary directory is made; "" is the
	// system's. Socket paths are limited to about 95 bytes.
	Dir string
	// MasterWorker runs a master that reloads on SIGUSR2 (see [Instance.Reload])
	// and listens at [Instance.MasterSocket].
	MasterWorker bool
}

// Find returns the path of the system's HAProxy.
func Find() (string, error) {
	if path, err := exec.LookPath("haproxy"); err == nil {
		return path, nil
	}
	if _, err := os.Stat(systemBinary); err != nil {
		return "", fmt.Errorf("no haproxy in PATH nor at %s: install the package haproxy: %w", systemBinary, err)
	}
	return systemBinary, nil
}

// expand fills in the places that Config leaves open.
func expand(config, socket string, listeners int) (string, error) {
	if !strings.Contains(config, "@SOCKET@") {
		return "", errors.New("haproxy configuration: no @SOCKET@ in it, so nothing could tell when it is ready")
	}
	config = strings.ReplaceAll(config, "@SOCKET@", socket)
	// From the highest down, so that @FD1@ never eats a part of a longer name.
	for i := listeners - 1; i >= 0; i-- {
		config = strings.ReplaceAll(config, "@FD"+strconv.Itoa(i)+"@", "fd@"+strconv.Itoa(firstInherited+i))
	}
	return config, nil
}
