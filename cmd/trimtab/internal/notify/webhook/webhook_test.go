package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// receiver answers with what a test says, and notes what it was told and when.
type receiver struct {
	mu     sync.Mutex
	answer func(try int) int // 0: no answer
	told   []string
	at     []time.Time
}

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.told = append(r.told, string(body))
	r.at = append(r.at, time.Now())
	code := r.answer(len(r.told))
	r.mu.Unlock()
	if code == 0 {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Body: io.NopCloser(strings.NewReader(""))}, nil
}

// run runs a sender in a bubble until the test is over.
func run(t *testing.T, answer func(try int) int, test func(s *Sender, r *receiver, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: answer}
		var log bytes.Buffer
		s := New(Options{URL: "http://scaler.example.test/web", Transport: r, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()
		test(s, r, &log)
		cancel()
		<-ended // a goroutine that is left would fail the bubble
	})
}

func TestItIsTriedAgainLaterAndLater(t *testing.T) {
	run(t, func(try int) int {
		return map[int]int{1: 500, 2: 429, 3: 0, 4: 503, 5: 502}[try] | map[bool]int{true: 204}[try > 5]
	}, func(s *Sender, r *receiver, log *bytes.Buffer) {
		s.Offer(map[string]int{"wanted": 3})
		pass(deadline)
		st := s.Status()
		if st.Tries != 6 || st.Failures != 5 || st.Sent != 1 || st.LastError != "" {
			t.Errorf("status %+v", st)
		}
		for i, pause := 1, firstPause; i < len(r.at); i, pause = i+1, 2*pause {
			got := r.at[i].Sub(r.at[i-1])
			if i == 3 {
				got -= tryTimeout // the one without an answer
			}
			if got < pause/10 || got > pause {
				t.Errorf("pause %d: %s, want up to %s", i, got, pause)
			}
			if r.told[i] != `{"wanted":3}` {
				t.Errorf("told %s", r.told[i])
			}
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "works again") {
			t.Errorf("log\n%s", log)
		}
	})
}

func TestItIsGivenUpAtTheDeadline(t *testing.T) {
	run(t, func(int) int { return 500 }, func(s *Sender, r *receiver, log *bytes.Buffer) {
		s.Offer("old")
		pass(2 * deadline)
		tries := s.Status().Tries
		if tries < 6 || tries > 60 || !strings.Contains(log.String(), "given up") || r.at[len(r.at)-1].Sub(r.at[0]) > deadline {
			t.Errorf("%d tries, log\n%s", tries, log)
		}
		// News are tried anew.
		s.Offer("new")
		pass(time.Minute)
		if got := r.told[len(r.told)-1]; got != `"new"` || s.Status().Tries == tries {
			t.Errorf("told %s", got)
		}
	})
}

func TestOnlyTheNewestIsTold(t *testing.T) {
	run(t, func(try int) int { return map[bool]int{true: 500, false: 200}[try < 3] }, func(s *Sender, r *receiver, _ *bytes.Buffer) {
		s.Offer(1)
		synctest.Wait()
		s.Offer(2)
		s.Offer(3)
		pass(time.Minute)
		if got := strings.Join(r.told, " "); !strings.HasPrefix(got, "1 3") && !strings.HasPrefix(got, "1 2") || r.told[len(r.told)-1] != "3" {
			t.Errorf("told %s", got)
		}
	})
}

func TestARefusalIsTakenForGood(t *testing.T) {
	run(t, func(int) int { return 404 }, func(s *Sender, _ *receiver, log *bytes.Buffer) {
		s.Offer(1)
		pass(time.Minute)
		if st := s.Status(); st.Tries != 1 || !strings.Contains(st.LastError, "not tried again") || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("status %+v, log\n%s", st, log)
		}
	})
}

func TestItEndsWhileATryIsUnderWay(t *testing.T) {
	run(t, func(int) int { return 0 }, func(s *Sender, r *receiver, _ *bytes.Buffer) {
		s.Offer(1)
		synctest.Wait()
		if len(r.told) != 1 || s.Status().Failures != 0 {
			t.Errorf("told %v, status %+v", r.told, s.Status())
		}
	})
}

func TestTheTokenIsShownToNobodyElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" || r.Header.Get("Content-Type") != "application/json" || r.Method != http.MethodPost {
			t.Errorf("%s with %v", r.Method, r.Header)
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	s := New(Options{URL: server.URL, TokenFile: file})
	if err := s.post(t.Context(), []byte("{}")); !errors.Is(err, errForGood) {
		t.Errorf("error %v", err)
	}
	s.options.TokenFile = file + ".none"
	if err := s.post(t.Context(), []byte("{}")); err == nil || errors.Is(err, errForGood) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("error %v", err)
	}
	s.client.CloseIdleConnections()
}

// pass lets some of a bubble's time pass, and everybody in it do what that brings.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
