package haproxy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

const (
	// errorWithin is how soon a HAProxy that hangs has to be an error.
	errorWithin = 2 * time.Second
	// pauses are what the machine may take from this program meanwhile.
	pauses = 5 * time.Second
)

func TestTimeoutsMakeAHungHAProxyAnErrorInTime(t *testing.T) {
	for _, timeout := range []time.Duration{firstReplyTimeout, replyTimeout} {
		if timeout > errorWithin*4/5 {
			t.Errorf("%v leave too little of %v", timeout, errorWithin)
		}
	}
}

// halt stops HAProxy and waits until all its threads are.
func halt(t *testing.T, in *instance.Instance) {
	t.Helper()
	if err := in.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, eventually, func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", in.PID()))
		if err != nil || len(threads) == 0 {
			return fmt.Errorf("no threads: %w", err)
		}
		for _, thread := range threads {
			status, err := os.ReadFile(thread)
			if err != nil {
				return err
			}
			if !strings.Contains(string(status), "State:\tT") {
				return errors.New("it still runs")
			}
		}
		return nil
	})
}

func TestHungIsAnErrorAndCaughtUpWith(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 3)
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		watched(t, b)
		apply(t, b, static(map[string]float64{"s1": 1, "s2": 1, "s3": 1}))

		// Wherever in a poll it stops: at once, or in the middle of an exchange.
		for round := range 3 {
			want := 50 + 10*round
			plan := static(map[string]float64{"s1": 1, "s2": float64(want) / 100, "s3": 1})
			halt(t, in)
			stopped := time.Now()
			for first := true; time.Since(stopped) < errorWithin || first; first = false {
				began := time.Now()
				_, err := b.Apply(t.Context(), plan)
				if err == nil {
					t.Fatal("a plan was applied by a HAProxy that is stopped")
				}
				if !errors.Is(err, ErrHung) {
					t.Fatalf("error %v, want one that says that it hangs", err)
				}
				if first {
					t.Logf("error %v after SIGSTOP: %v", time.Since(stopped).Round(time.Millisecond), err)
				}
				if took := time.Since(began); took > errorWithin+pauses {
					t.Fatalf("an apply took %v", took)
				}
			}

			if err := in.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			continued := time.Now()
			until(t, eventually, func() error {
				_, err := b.Apply(t.Context(), plan)
				return err
			})
			t.Logf("in sync %v after SIGCONT", time.Since(continued).Round(time.Millisecond))
			if err := wantWeight(t, in, "ws/s2", want); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.Stats().ExternalChanges; n != 0 {
			t.Errorf("%d of its own weights were taken for someone else's", n)
		}
	})
}

func TestHungBeforeTheFirstConnection(t *testing.T) {
	in := unserved(t, system(t), 2)
	halt(t, in)
	s, err := NewSession(in.Socket())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	failures := make(chan error)
	const callers = 4
	for range callers {
		go func() {
			_, err := s.Exchange(t.Context(), []string{"show info"}, func(int, []byte) error { return nil })
			if took := time.Since(began); took > errorWithin+pauses {
				err = fmt.Errorf("took %v: %w", took, err)
			} else if errors.Is(err, ErrHung) {
				err = nil
			}
			failures <- err
		}()
	}
	for range callers {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
}
