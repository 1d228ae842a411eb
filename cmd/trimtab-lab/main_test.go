package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// called runs the program with these arguments.
func called(t *testing.T, ctx context.Context, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(ctx, args, env{in: os.Stdin, out: &o, err: &e})
	return code, o.String(), e.String()
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		args string
		code int
		says string
	}{
		{"--help", exitFine, "demo"},
		{"demo --help", exitFine, "--warmup"},
		{"", exitUsage, "expected"},
		{"nonsense", exitUsage, "nonsense"},
		{"serve", exitUsage, "--backend"},
		{"serve --backend 0", exitUsage, "not a strength"},
		{"serve --backend 4@x", exitUsage, "not a strength"},
		{"serve --backend 4 --backend 2 --socket-life 1s,2s,3s", exitUsage, "--socket-life"},
		{"serve --backend 4 --listen nonsense --no-realtime", exitFailed, "--listen"},
		{"load http://127.0.0.1:1/ --rate 0", exitUsage, "must be positive"},
		{"load nonsense --no-realtime", exitFailed, "nonsense"},
		{"load http://127.0.0.1:1/ --duration 100ms --no-realtime --demand 1s", exitFailed, "answered well"},
		{"demo --warmup=-1s", exitUsage, "must not be negative"},
		{"demo --trimtab /nonexistent/trimtab", exitFailed, "--trimtab"},
		{"demo -o xml", exitUsage, "output"},
		{"demo --proxy nginx", exitUsage, "proxy"},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, out, errs := called(t, t.Context(), strings.Fields(test.args)...)
			if code != test.code || !strings.Contains(out+errs, test.says) {
				t.Errorf("exit code %d, want %d with %q; it said:\n%s%s", code, test.code, test.says, out, errs)
			}
		})
	}
}

func TestServeAndLoad(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	served := make(chan int, 1)
	go func() {
		served <- run(ctx, []string{"serve", "--backend", "4", "--backend", "2@0.5", "--no-realtime"}, env{in: os.Stdin, out: write, err: io.Discard})
		_ = write.Close()
	}()
	lines := bufio.NewReader(read)
	var addrs []string
	for range 2 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		addrs = append(addrs, strings.Fields(line)[1])
	}

	code, out, errs := called(t, t.Context(), "load", "http://"+addrs[0]+"/", "--rate", "100", "--demand", "40ms",
		"--warmup", "200ms", "--duration", "1s", "-o", "json", "--no-realtime")
	var got loadResult
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in:\n%s%s", err, out, errs)
	}
	if code != exitFine && got.Valid || got.Requests < 50 || got.Errors.Total() > 0 || got.P99 < got.P50 || got.P50 <= 0 {
		t.Errorf("exit code %d, %+v, %s", code, got, errs)
	}
	code, out, errs = called(t, t.Context(), "load", "http://"+addrs[1]+"/", "--rate", "20", "--demand", "40ms", "--duration", "500ms", "--no-realtime")
	// One of ten requests that is sent late makes it invalid.
	if (code == exitFine) == strings.Contains(out, "INVALID") || !strings.Contains(out, "p99") || !strings.Contains(strings.ToLower(out), "valid") {
		t.Errorf("exit code %d:\n%s%s", code, out, errs)
	}

	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + addrs[1] + "/load")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	stop()
	if code := <-served; code != exitFine {
		t.Errorf("serve exits with %d when interrupted", code)
	}
}

func TestAddressAfter(t *testing.T) {
	for _, test := range []struct {
		first string
		n     int
		want  string
		ok    bool
	}{
		{"127.0.0.1:0", 3, "127.0.0.1:0", true},
		{"127.0.0.1:8000", 2, "127.0.0.1:8002", true},
		{"[::1]:8000", 0, "[::1]:8000", true},
		{":8000", 1, ":8001", true},
		{"8000", 0, "", false},
		{"127.0.0.1:http", 0, "", false},
	} {
		got, err := addressAfter(test.first, test.n)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s + %d: %q, %v; want %q", test.first, test.n, got, err, test.want)
		}
	}
}
