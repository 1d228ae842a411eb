package haproxy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// A thread of HAProxy that hangs finds what it was sent when it goes on, while another
// one has long answered what was sent after it.
func TestWhatWasGivenUpIsNotDoneAfterWhatFollows(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: "global\n  nbthread 2\n" + preamble + "backend ws\n  balance leastconn\n" + serverLines(2, "weight 100"),
		})
		s, err := NewSession(in.Socket())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		exchange := func(commands ...string) error {
			_, err := s.Exchange(t.Context(), commands, func(int, []byte) error { return nil })
			return err
		}
		// Its answer is late, unless this program was stopped meanwhile.
		hang := fmt.Sprintf("debug dev delay %d", (replyTimeout + replyTimeout/12).Milliseconds())
		var late error
		for tries := 0; late == nil && tries < 10; tries++ {
			late = exchange("expert-mode on", hang, "set server ws/s1 weight 7", "set server ws/s2 weight 3")
		}
		if !errors.Is(late, ErrHung) {
			t.Fatalf("error %v, want one that says that it hangs", late)
		}
		if err := exchange("set server ws/s1 weight 50"); err != nil {
			t.Fatal(err)
		}
		until(t, eventually, func() error { return wantWeight(t, in, "ws/s2", 3) })
		if err := wantWeight(t, in, "ws/s1", 50); err != nil {
			t.Error(err)
		}
		// It was told, and did not have to be guessed from how long it took.
		if s.left != nil {
			t.Error("the connection that was given up is still kept")
		}
	})
}
