package policy

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// binariesVariable lists further HAProxies to run the suite with, separated by
// colons; without it the system's is taken.
const binariesVariable = "TRIMTAB_HAPROXY_BINARIES"

// onEach runs a test with every HAProxy there is.
func onEach(t *testing.T, test func(t *testing.T, binary string)) {
	t.Helper()
	if list := os.Getenv(binariesVariable); list != "" {
		for _, binary := range strings.Split(list, ":") {
			t.Run(filepath.Base(binary), func(t *testing.T) { test(t, binary) })
		}
		return
	}
	binary, err := instance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	test(t, binary)
}

func start(t testing.TB, options instance.Options) *instance.Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := instance.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("HAProxy said:\n%s", in.Output())
		}
	})
	return in
}

// withMaster is a program that runs HAProxy with a master socket besides.
func withMaster(t testing.TB, binary string) (program, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hapm") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket = filepath.Join(dir, "m")
	program = filepath.Join(dir, "haproxy")
	// Without -W, to validate, HAProxy wants none.
	script := "#!/bin/sh\n[ \"$1\" = -W ] && set -- \"$@\" -S " + socket + "\nexec " + binary + " \"$@\"\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, socket
}

// ask sends one command to a stats socket.
func ask(t testing.TB, socket, command string) string {
	t.Helper()
	s, err := haproxy.NewSession(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var reply string
	if _, err := s.Exchange(t.Context(), []string{command}, func(_ int, text []byte) error {
		reply = string(text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return reply
}

// set sends commands that say nothing when they work.
func set(t testing.TB, socket string, commands ...string) {
	t.Helper()
	for _, command := range commands {
		if said := ask(t, socket, command); said != "" {
			t.Fatalf("%s: HAProxy says %q", command, said)
		}
	}
}

func running(t testing.TB, socket, backend string) string {
	t.Helper()
	algorithm, err := Running(t.Context(), socket, backend)
	if err != nil {
		t.Fatal(err)
	}
	return algorithm
}

func versionOf(t testing.TB, binary string) string {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), binary, "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(said))[2]
}
