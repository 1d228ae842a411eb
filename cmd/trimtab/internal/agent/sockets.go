package agent

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// sockets are the TCP sockets of one local port.
type sockets struct {
	// Established is connections that are open. Those that wait to be accepted
	// are among them.
	Established int
	// Listening is sockets that take connections, Waiting how many wait there
	// to be accepted.
	Listening int
	Waiting   uint64
}

// States of a socket in the kernel's tables.
const (
	stateEstablished = 0x01
	stateListen      = 0x0a
)

// readSockets counts the sockets of a port in the tables of a network namespace,
// "/proc/net" or "/proc/PID/net". The kernel goes through all that it has room
// for in either, some milliseconds on a big machine: this is for once a second.
func readSockets(dir string, port int) (sockets, error) {
	var out sockets
	for _, name := range []string{"tcp", "tcp6"} {
		path := filepath.Join(dir, name)
		err := func() error {
			file, err := os.Open(path)
			if err != nil {
				return err
			}
			defer file.Close()
			return out.add(file, port)
		}()
		if name == "tcp6" && errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return sockets{}, fmt.Errorf("connections of port %d: %s: %w", port, path, err)
		}
	}
	return out, nil
}

// add counts what a table has.
func (s *sockets) add(table io.Reader, port int) error {
	lines := bufio.NewScanner(table)
	for first := true; lines.Scan(); first = false {
		if first {
			continue // the names of the columns
		}
		row, err := parseSocket(lines.Bytes())
		if err != nil {
			return err
		}
		switch {
		case row.port != uint64(port):
		case row.state == stateEstablished:
			s.Established++
		case row.state == stateListen:
			s.Listening++
			s.Waiting += row.received
		}
	}
	return lines.Err()
}

// socket is what counts of a row. Of a socket that listens, received is how many
// connections wait to be accepted.
type socket struct{ port, state, received uint64 }

var errTable = errors.New("not of the form of /proc/net/tcp")

// parseSocket reads "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 …".
func parseSocket(row []byte) (socket, error) {
	var out socket
	for field := range 5 {
		row = bytes.TrimLeft(row, " ")
		value, rest, ok := bytes.Cut(row, []byte(" "))
		if !ok {
			return out, errTable
		}
		row = rest
		var err error
		switch field {
		case 1:
			out.port, err = hex(value[bytes.LastIndexByte(value, ':')+1:], 16)
		case 3:
			out.state, err = hex(value, 8)
		case 4:
			out.received, err = hex(value[bytes.LastIndexByte(value, ':')+1:], 32)
		}
		if err != nil {
			return out, errTable
		}
	}
	return out, nil
}

func hex(digits []byte, bits int) (uint64, error) { return strconv.ParseUint(string(digits), 16, bits) }
