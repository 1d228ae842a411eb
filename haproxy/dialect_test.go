package haproxy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// replies splits what a socket has sent, looking each time that a piece of it
// has arrived.
func replies(d dialect, sent string, piece int) (out []string) {
	start, filled, seen := 0, 0, 0
	for {
		unread := []byte(sent[start:filled])
		if end, next := d.replyEnd(unread, seen); end >= 0 {
			out = append(out, string(unread[:end]))
			start, seen = start+next, 0
			continue
		}
		if filled == len(sent) {
			return out
		}
		seen = len(unread)
		filled = min(filled+piece, len(sent))
	}
}

func TestReplyEnd(t *testing.T) {
	for name, test := range map[string]struct {
		dialect dialect
		sent    string
		want    []string
	}{
		"worker":                {workerDialect(), "\n> \n> Pid: 1\n\n> half", []string{"", "", "Pid: 1\n"}},
		"worker, no prompts":    {workerDialect(), "a > b\n>c\n >", nil},
		"master":                {masterDialect(), "master> #<PID>\n1 master\n\nmaster> \nmaster> ", []string{"", "#<PID>\n1 master\n", ""}},
		"master, failed reload": {masterDialect(), "master[ReloadFailed]> 100 (initial 100)\n\nmaster[ReloadFailed]> ", []string{"", "100 (initial 100)\n"}},
		"a worker by mistake":   {masterDialect(), "\n> Unknown command: 'show proc'\n\n> ", []string{"", "Unknown command: 'show proc'\n"}},
	} {
		for piece := 1; piece <= len(test.sent); piece++ {
			if diff := cmp.Diff(test.want, replies(test.dialect, test.sent, piece)); diff != "" {
				t.Errorf("%s, %d bytes at a time: (-want +got)\n%s", name, piece, diff)
			}
		}
	}
}

// However the bytes arrive, the replies are the same.
func FuzzReplyEnd(f *testing.F) {
	f.Add("\n> Pid: 1\n\n> \n> ", 1, false)
	f.Add("master> #<PID>\n1 master\n\nmaster[ReloadFailed]> \nmaster> ", 3, true)
	f.Fuzz(func(t *testing.T, sent string, piece int, master bool) {
		d := workerDialect()
		if master {
			d = masterDialect()
		}
		whole := replies(d, sent, max(len(sent), 1))
		if diff := cmp.Diff(whole, replies(d, sent, min(max(piece, 1), len(sent)+1))); diff != "" {
			t.Errorf("(-at once +in pieces)\n%s", diff)
		}
	})
}
