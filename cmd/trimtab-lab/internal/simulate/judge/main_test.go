package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

func TestTableOfAllPolicies(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-scenarios", "boot60", "-algorithms", "leastconn,random", "-controllers", "equal,oracle,capacity,auto", "-seeds", "1", "-reports"}
	if err := run(context.Background(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "auto") {
		t.Errorf("want a heading and a line for each algorithm:\n%s", out.String())
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{
		{"-scenarios", "nonsense"},
		{"-controllers", "nonsense"},
		{"-scenarios", "boot60", "-algorithms", "nonsense"},
		{"-nonsense"},
	} {
		if err := run(context.Background(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

func TestProxiesOfTheirOwnKind(t *testing.T) {
	var out bytes.Buffer
	args := []string{"-scenarios", "boot60", "-algorithms", "haproxy/leastconn,envoy/least_request", "-controllers", "trimtab,orca", "-seeds", "1", "-reports"}
	if err := run(context.Background(), args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.HasSuffix(strings.TrimSpace(lines[1]), "n/a") || strings.Contains(lines[2], "n/a") {
		t.Errorf("want a line for each proxy, and orca on the second only:\n%s", out.String())
	}
}
