package agent

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const aTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 12345 1 0000000000000000 100 0 0 10 0                      
   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000 20 4 30 10 -1                   
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 12347 1 0000000000000000 20 4 30 10 -1                   
   3: 0100007F:1F90 0100007F:C002 06 00000000:00000000 03:00000F6B 00000000     0        0 0 3 0000000000000000                                      
10004: 0100007F:1F90 0100007F:C003 01 00000000:00000010 00:00000000 00000000     0        0 12348 1 0000000000000000 20 4 30 10 -1                   
`

const aTable6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000001 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000100007F:C005 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
`

func table(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestReadSockets(t *testing.T) {
	for _, test := range []struct {
		name   string
		tables map[string]string
		port   int
		want   sockets
	}{
		{"both", map[string]string{"tcp": aTable, "tcp6": aTable6}, 8080, sockets{Established: 3, Listening: 2, Waiting: 4}},
		{"without IPv6", map[string]string{"tcp": aTable}, 8080, sockets{Established: 2, Listening: 1, Waiting: 3}},
		{"the other end", map[string]string{"tcp": aTable}, 0xc001, sockets{Established: 1}},
		{"a port of nobody", map[string]string{"tcp": aTable, "tcp6": aTable6}, 81, sockets{}},
		{"empty", map[string]string{"tcp": ""}, 81, sockets{}},
	} {
		got, err := readSockets(table(t, test.tables), test.port)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := readSockets(t.TempDir(), 80); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no table: %v", err)
	}
	if _, err := readSockets(table(t, map[string]string{"tcp": "sl\n 0: nonsense\n"}), 80); !errors.Is(err, errTable) || !strings.Contains(err.Error(), "port 80") {
		t.Errorf("nonsense: %v", err)
	}
}

// Connections that the application has not accepted wait, and are open.
func TestRealSockets(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc/net")
	}
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).Port
		for i := range 5 {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if i < 2 {
				accepted, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer accepted.Close()
			}
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		want := sockets{Established: 5, Listening: 1, Waiting: 3}
		for began := time.Now(); ; <-tick.C {
			got, err := readSockets("/proc/net", port)
			if err != nil {
				t.Fatal(err)
			}
			if got == want {
				break
			}
			if time.Since(began) > 30*time.Second {
				t.Fatalf("%s: %+v, want %+v", address, got, want)
			}
		}
	}
}

func FuzzSockets(f *testing.F) {
	for _, seed := range []string{aTable, aTable6, "", "sl\n", "sl\n:::::\n", "sl\n 0: : : : : :\n", "sl\n0: 0:50 0:0 01 0:FFFFFFFF x\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s sockets
		if err := s.add(strings.NewReader(text), 8080); err != nil {
			return
		}
		if lines := strings.Count(text, "\n") + 1; s.Established+s.Listening > lines {
			t.Errorf("%q: %+v of %d lines", text, s, lines)
		}
	})
}

func BenchmarkSockets(b *testing.B) {
	const rows = 10_000
	lines := strings.SplitAfter(aTable, "\n")
	text := lines[0] + strings.Repeat(lines[2], rows)
	for b.Loop() {
		var s sockets
		if err := s.add(strings.NewReader(text), 8080); err != nil || s.Established != rows {
			b.Fatal(s, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/socket")
}
