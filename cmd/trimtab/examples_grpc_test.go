package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// checked is a gRPC server that works on so many calls at a time.
type checked struct {
	healthv1.UnimplementedHealthServer
	busy chan struct{}
	work time.Duration
}

func (c checked) Check(ctx context.Context, _ *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	c.busy <- struct{}{}
	defer func() { <-c.busy }()
	select {
	case <-time.After(c.work):
	case <-ctx.Done():
	}
	return &healthv1.HealthCheckResponse{Status: healthv1.HealthCheckResponse_SERVING}, nil
}

func checking(t *testing.T, workers int, work time.Duration) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, checked{busy: make(chan struct{}, workers), work: work})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// exampleClient runs the example's client until the test ends, and returns what it
// prints.
func exampleClient(t *testing.T, bootstrap string, args ...string) (lines *bufio.Scanner, stop func() error) {
	t.Helper()
	directory := t.TempDir()
	program, file := filepath.Join(directory, "client"), filepath.Join(directory, "bootstrap.json")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(examples, "grpc")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, file, bootstrap)
	command := exec.Command(program, args...)
	command.Env = append(os.Environ(), "GRPC_XDS_BOOTSTRAP="+file)
	log := &lockedBuffer{}
	command.Stderr = log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	wait := tied(t, command)
	// A client that prints nothing ends, and the reader with it.
	timer := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	ended := false
	stop = func() error {
		if ended {
			return nil
		}
		ended = true
		timer.Stop()
		_ = command.Process.Signal(os.Interrupt)
		_, _ = io.Copy(io.Discard, out)
		if err := wait(); err != nil {
			return fmt.Errorf("client: %w\n%s", err, log)
		}
		return nil
	}
	t.Cleanup(func() { _ = stop() })
	return bufio.NewScanner(out), stop
}

// counted reads a line of the client's: the share of each server in percent, and
// how many calls failed.
func counted(t *testing.T, line string) (shares map[string]float64, answered, failed int) {
	t.Helper()
	shares = map[string]float64{}
	words := strings.Fields(line)
	for i, word := range words {
		var err error
		switch {
		case word == "%":
			shares[words[i-2]], err = strconv.ParseFloat(words[i-1], 64)
		case strings.HasPrefix(word, "answered"):
			answered, err = strconv.Atoi(words[i-1])
		case strings.HasPrefix(word, "failed"):
			failed, err = strconv.Atoi(words[i-1])
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	return shares, answered, failed
}

func TestGRPCExampleSharesByCapacity(t *testing.T) {
	t.Parallel()
	const work = 5 * time.Millisecond
	servers := []string{checking(t, 8, work), checking(t, 4, work), checking(t, 2, work)}
	xds := freePort(t)
	r := startExample(t, "grpc", xds, strings.NewReplacer(
		"10.0.0.11:50051", servers[0], "10.0.0.12:50051", servers[1], "10.0.0.13:50051", servers[2]))
	bootstrap := strings.ReplaceAll(exampleText(t, "grpc/bootstrap.json"), exampleServer.Address, xds)
	lines, stop := exampleClient(t, bootstrap, "--rate", "400")
	r.until(t, "in sync", inSync)

	const wanted = 3600
	var total int
	sent := map[string]float64{}
	for all := false; total < wanted && lines.Scan(); {
		shares, answered, failed := counted(t, lines.Text())
		if failed > 0 {
			t.Errorf("client: %s", lines.Text())
		}
		if !all { // what has waited goes to those that are connected first
			all = len(shares) == len(servers)
			continue
		}
		total += answered
		for server, share := range shares {
			sent[server] += share / 100 * float64(answered)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if total < wanted {
		t.Fatalf("%d calls were answered, want %d\n%s", total, wanted, r.log)
	}
	// gRPC draws by weight: 5 % is six standard deviations of 3600 draws and more.
	for i, want := range []float64{8. / 14, 4. / 14, 2. / 14} {
		got := sent[servers[i]] / float64(total)
		t.Logf("server %d: %.3f of %d calls", i+1, got, total)
		if got < want-0.05 || got > want+0.05 {
			t.Errorf("server %d got %.3f of the calls, want %.3f", i+1, got, want)
		}
	}
	runReadme(t, r, "grpc", 2, "trimtab run", "GRPC_XDS_BOOTSTRAP")
}

// What the README adds for reports over ORCA is valid where it says.
func TestGRPCExampleTakesReports(t *testing.T) {
	diffs := codeBlocks(exampleText(t, "grpc/README.md"), "diff")
	if len(diffs) != 1 {
		t.Fatalf("%d diffs in the README", len(diffs))
	}
	path := filepath.Join(t.TempDir(), "trimtab.yaml")
	write(t, path, patched(t, exampleText(t, "grpc/trimtab.yaml"), diffs[0], '-', '+'))
	code, out, errs := call(t, "check", "--config", path)
	if code != exitFine || !strings.Contains(out, "orca:") {
		t.Errorf("exit code %d: %s\n%s", code, errs, out)
	}
}
