package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

func TestSockets(t *testing.T) {
	const n = 20
	for name, test := range map[string]struct {
		cfg    backend.Config
		faults backend.Faults
		opts   SocketOptions
		want   SocketResult
	}{
		"backend closes": {
			cfg:  backend.Config{SocketLife: 50 * time.Millisecond},
			opts: SocketOptions{Every: 10 * time.Millisecond},
			want: SocketResult{Opened: n, ClosedByServer: n},
		},
		"client closes": {
			opts: SocketOptions{Life: 50 * time.Millisecond, Every: 5 * time.Millisecond, Demand: time.Millisecond},
			want: SocketResult{Opened: n, ClosedByClient: n},
		},
		"handshakes fail": {
			faults: backend.Faults{FailShare: 1},
			want:   SocketResult{Failed: n},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Cores = 4
			b := server(t, test.cfg)
			if err := b.SetFaults(t.Context(), test.faults); err != nil {
				t.Fatal(err)
			}
			opts := test.opts
			opts.URL, opts.Rate, opts.Count = "ws://"+b.Addr()+"/ws", 400, n
			got, err := RunSockets(t.Context(), opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(SocketResult{}, "Peak", "Handshakes", "Echoes", "SendLate")); diff != "" {
				t.Error(diff)
			}
			if open := b.Totals().OpenSockets; open < 0 || got.Peak > n || got.Opened > 0 && got.Peak == 0 {
				t.Errorf("%d open afterwards, %d at the peak", open, got.Peak)
			}
			if (got.Echoes.TotalCount() > 0) != (opts.Every > 0) {
				t.Errorf("%d echoes, one every %v", got.Echoes.TotalCount(), opts.Every)
			}
		})
	}
}

// They are told when each has said something, so that each knows of its connection.
func TestSocketsLeaveWhenTold(t *testing.T) {
	const n = 10
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var talking atomic.Int32
	echoing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for first := true; ; first = false {
			kind, text, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if first && talking.Add(1) == n {
				cancel()
			}
			_ = c.Write(r.Context(), kind, text)
		}
	}))
	defer echoing.Close()
	got, err := RunSockets(ctx, SocketOptions{URL: "ws" + strings.TrimPrefix(echoing.URL, "http"), Rate: 1000, Count: n, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got.Opened != n || got.ClosedByClient != n {
		t.Errorf("%+v, want %d opened and closed by the client", got, n)
	}
}

func TestRunSocketsRefusesWhatCannotWork(t *testing.T) {
	for _, opts := range []SocketOptions{{}, {Rate: 1, Count: -1}, {Rate: 1, Count: 1 << 40}, {Rate: 1, Life: -1}} {
		if _, err := RunSockets(t.Context(), opts); err == nil {
			t.Errorf("%+v was run", opts)
		}
	}
}
