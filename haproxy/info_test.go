package haproxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRecordedInfo(t *testing.T) {
	for version, text := range recorded(t, "info") {
		got, err := parseInfo(text)
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		if !strings.HasPrefix(got.version, version+".") || got.pid == 0 || got.stopping {
			t.Errorf("%s: %+v", version, got)
		}
	}
	for _, text := range []string{"", "Name: HAProxy\n", "Pid: x\n"} {
		_, err := parseInfo([]byte(text))
		wantKind(t, err, ErrUnexpected)
	}
}

func TestParseRecordedInitialWeights(t *testing.T) {
	for version, text := range recorded(t, "state") {
		got := map[string]int{}
		err := parseInitial(text, func(backend, server []byte, initial int) {
			got[string(backend)+"/"+string(server)] = initial
		})
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		want := map[string]int{
			"ws/plain": 100, "ws/checked": 50, "ws/failed": 1, "ws/agent": 1, "ws/ramping": 200,
			"ws/drained": 1, "ws/maintained": 1, "plain/s1": 1, "plain/s2": 1, "hashed/s1": 3, "hashed/s2": 3, "stream/s1": 1,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", version, diff)
		}
	}
	wantKind(t, parseInitial([]byte("1\n# be_id be_name\n"), func(_, _ []byte, _ int) {}), ErrUnexpected)
}

func FuzzParseInfo(f *testing.F) {
	for _, text := range recorded(f, "info") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if p, err := parseInfo(text); err == nil && p.pid == 0 {
			t.Errorf("%+v is no process", p)
		}
	})
}

func FuzzParseInitial(f *testing.F) {
	for _, text := range recorded(f, "state") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_ = parseInitial(text, func(backend, server []byte, _ int) {
			if len(backend) == 0 || len(server) == 0 {
				t.Error("a server without a name")
			}
		})
	})
}
