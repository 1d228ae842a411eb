package haproxy

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of failure, each with what to do about it. Use errors.Is.
var (
	ErrUnknownCommand   = errors.New("this HAProxy does not know the command; trimtab needs HAProxy 2.6 or newer")
	ErrPermission       = errors.New("the socket does not permit it; its \"stats socket\" line needs \"level admin\"")
	ErrSocketPermission = errors.New("trimtab may not open the socket")
	ErrStaticAlgorithm  = errors.New("the backend's balancing algorithm takes no weights while running; change it to \"balance leastconn\" or \"balance random(2)\"")
	ErrNoSuchServer     = errors.New("HAProxy has no such server; it was removed or renamed")
	ErrNoSuchBackend    = errors.New("HAProxy has no such backend; check the name against \"show stat\"")
	ErrBadWeight        = errors.New("HAProxy refuses the weight")
	ErrUnexpected       = errors.New("HAProxy answers something unexpected")
	ErrHung             = errors.New("HAProxy does not answer in time; it hangs, is stopped or is overloaded")
	ErrUnreachable      = errors.New("nobody answers at the socket; check that HAProxy runs and that trimtab may open its socket")
	ErrNoMaster         = errors.New("a reload has left connections to an old worker, which only the master leads to; give trimtab the master socket (haproxy -S)")
	ErrBadName          = errors.New("a name that could carry a command is not sent to HAProxy")
)

// CommandError is a command that HAProxy refused.
type CommandError struct {
	// Command is what was sent and Reply what came back, shortened.
	Command, Reply string
	// Kind is one of the package's errors.
	Kind error
}

func (e *CommandError) Error() string {
	if e.Reply == "" {
		return fmt.Sprintf("%q: %v", e.Command, e.Kind)
	}
	return fmt.Sprintf("%q: HAProxy says %q: %v", e.Command, e.Reply, e.Kind)
}

func (e *CommandError) Unwrap() error { return e.Kind }

const maxQuoted = 200

// refusals are parts of what HAProxy says, in every version from 2.6 to 3.4.
var refusals = [...]struct {
	says string
	kind error
}{
	{"unknown command", ErrUnknownCommand},
	{"permission denied", ErrPermission},
	{"static lb algorithm", ErrStaticAlgorithm},
	{"no such server", ErrNoSuchServer},
	{"no such backend", ErrNoSuchBackend},
	{"no such proxy", ErrNoSuchBackend},
	{"can't find backend", ErrNoSuchBackend},
	{"proxy is disabled", errReplaced},
	{"weight", ErrBadWeight},
}

// refused makes an error of a reply to a command that is silent when it works.
func refused(command string, reply []byte) error {
	text := strings.TrimSpace(string(reply))
	lower := strings.ToLower(text)
	if len(text) > maxQuoted {
		text = text[:maxQuoted] + "…"
	}
	e := &CommandError{Command: command, Reply: text, Kind: ErrUnexpected}
	for _, r := range refusals {
		if strings.Contains(lower, r.says) {
			e.Kind = r.kind
			break
		}
	}
	return e
}

// severityOf is the severity in front of a reply ("[3]: …"), -1 without one.
// 0 to 3 are errors; unknown commands come with 6.
func severityOf(reply []byte) int {
	if len(reply) >= 4 && reply[0] == '[' && reply[2] == ']' && reply[3] == ':' && reply[1] >= '0' && reply[1] <= '7' {
		return int(reply[1] - '0')
	}
	return -1
}

// checkName refuses what could end a command or begin another one.
func checkName(what, name string) error {
	if name == "" {
		return fmt.Errorf("%s name is empty: %w", what, ErrBadName)
	}
	for _, r := range name {
		if r <= ' ' || r == ';' || r == '\\' || r == '/' || r == 0x7f || r > 0x7e {
			return fmt.Errorf("%s name %q: %w", what, name, ErrBadName)
		}
	}
	return nil
}
