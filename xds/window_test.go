package xds

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// A load report of 61 kB has to fit into what a client may send without waiting,
// several times over. The server says how much that is in its first frame.
func TestLoadReportsFitIntoTheWindow(t *testing.T) {
	s := serve(t, Options{})
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	var head [9]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		t.Fatal(err)
	}
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(conn, settings); err != nil {
		t.Fatal(err)
	}
	const typeSettings, initialWindowSize = 4, 4
	window := uint32(0)
	for ; head[3] == typeSettings && len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == initialWindowSize {
			window = binary.BigEndian.Uint32(settings[2:])
		}
	}
	if window < 1<<20 {
		t.Errorf("window of %d bytes, want 1 MiB or more", window)
	}
}
