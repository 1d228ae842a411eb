package haproxy

import "bytes"

// dialect is how one kind of socket is spoken to. Both kinds are put into
// interactive mode, in which every version from 2.6 to 3.4 ends each reply with
// a prompt; without it, replies end in as many ways as there are versions.
type dialect struct {
	// greeting makes a connection ready. Its last command's reply is the level
	// where asksLevel says so; the others must be silent.
	greeting  []string
	asksLevel bool
	// prompts end a reply, each at the beginning of a line.
	prompts [][]byte
	// longest is the length of the longest prompt.
	longest int
}

// workerDialect is that of a stats socket. An idle connection stays for as long
// as the greeting says. A HAProxy that hangs does not answer the greeting, so
// that it never finds a command that has become old when it goes on.
func workerDialect() dialect {
	return newDialect([]string{"prompt", "set severity-output number", "set timeout cli 3600", "show cli level"}, true, "> ")
}

// masterDialect is that of a master socket, which knows no severities in 2.6
// and says in its prompt that a reload has failed. A stats socket's prompt is
// understood, too, so that one that is named by mistake is told from one that
// hangs.
func masterDialect() dialect {
	return newDialect([]string{"prompt"}, false, "master> ", "master[ReloadFailed]> ", "> ")
}

func newDialect(greeting []string, asksLevel bool, prompts ...string) dialect {
	d := dialect{greeting: greeting, asksLevel: asksLevel}
	for _, p := range prompts {
		d.prompts = append(d.prompts, []byte("\n"+p))
		d.longest = max(d.longest, len(p)+1)
	}
	return d
}

// replyEnd finds the first prompt in unread, of which the first seen bytes are
// known to hold no whole one, and returns where the reply before it ends and
// where the next begins; -1 while it has not come.
func (d *dialect) replyEnd(unread []byte, seen int) (end, next int) {
	from := max(seen-d.longest+1, 0)
	end = -1
	for _, p := range d.prompts {
		// The answer to "prompt" has no line before its own prompt.
		if from == 0 && bytes.HasPrefix(unread, p[1:]) {
			return 0, len(p) - 1
		}
		if at := bytes.Index(unread[from:], p); at >= 0 && (end < 0 || from+at < end) {
			end, next = from+at, from+at+len(p)
		}
	}
	return end, next
}
