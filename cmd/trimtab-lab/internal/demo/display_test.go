package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"charm.land/bubbles/v2/progress"
	tea "charm.land/bubbletea/v2"
)

func someView(at time.Duration) View {
	return View{
		Elapsed: at, Left: 30*time.Second - at, Act: "first act: measuring",
		Stacks:   []StackView{{Name: Untouched, P50: 16640 * time.Microsecond, P99: 133300 * time.Microsecond, Rate: 909, ErrorRate: 3, Errors: 17}},
		Backends: []BackendView{{Name: "s1", Cores: 8, Weight: 241, Utilization: 0.7}, {Name: "s2", Cores: 4, Out: true}},
	}
}

func TestPlainWritesNowAndThen(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(&out)
	for at := time.Duration(0); at < 12*time.Second; at += watchPeriod {
		p.Show(someView(at))
	}
	p.Note("s3 is well again")
	if got := strings.Count(out.String(), "first act"); got != 3 {
		t.Errorf("shown %d times in 12 s, want 3", got)
	}
	for _, s := range []string{"133.3 ms", "s1:241", "s2:out", "0:10   33 %, 0:20 left", "s3 is well again"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("no %q in:\n%s", s, out.String())
		}
	}
}

func TestScreenShowsEverything(t *testing.T) {
	cancelled := false
	var m tea.Model = screen{cancel: func() { cancelled = true }, bar: progress.New(progress.WithWidth(barWidth))}
	m, _ = m.Update(someView(10 * time.Second))
	for range keptNotes + 1 {
		m, _ = m.Update(note("an old note"))
	}
	m, _ = m.Update(note("s3 is well again"))
	text := m.View().Content
	for _, s := range []string{"first act", "33%", "0:20 left", "133.3", "909", "17", "241", "70 %", "out of service", "s3 is well again"} {
		if !strings.Contains(text, s) {
			t.Errorf("no %q in:\n%s", s, text)
		}
	}
	if got := strings.Count(text, "an old note"); got != keptNotes-1 {
		t.Errorf("%d old notes, want %d", got, keptNotes-1)
	}
	m, _ = m.Update(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	if !cancelled || !strings.Contains(m.View().Content, "stopping") {
		t.Error("ctrl-C does not stop it")
	}
}

func TestDone(t *testing.T) {
	for _, test := range []struct {
		elapsed, left time.Duration
		want          float64
	}{{0, 10, 0}, {5, 5, 0.5}, {10, 0, 1}, {0, 0, 1}, {-1, 11, 0}} {
		if got := (View{Elapsed: test.elapsed, Left: test.left}).Done(); got != test.want {
			t.Errorf("%v over, %v left: %v", test.elapsed, test.left, got)
		}
	}
}
