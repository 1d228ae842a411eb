package policy

import (
	"fmt"
	"strings"
)

// Snippets says what to print of what trimtab can make use of in a HAProxy, and
// the names to fill in. The zero value prints nothing.
type Snippets struct {
	AdminSocket, MasterSocket, ServerState, AgentCheck bool

	// Socket and Master are the paths of the two sockets, Group is whose members
	// may open them.
	Socket, Master, Group string
	// StateFile is where HAProxy finds the weights and states of before.
	StateFile string
	// Pool is trimtab's name, Backend HAProxy's; Servers are that backend's.
	Pool, Backend string
	Servers       []string
	// AgentHost and AgentPort are where trimtab answers agent-checks.
	AgentHost, AgentPort string
}

// Text is the configuration, one comment above each piece saying why.
func (s Snippets) Text() string {
	var parts []string
	add := func(wanted bool, text string) {
		if wanted {
			parts = append(parts, text)
		}
	}
	add(s.AdminSocket, fmt.Sprintf(`global
    # trimtab reads counts and sets weights here: level admin for that, and no one but the group may open it.
    stats socket %s mode 660 level admin group %s expose-fd listeners
    # A connection that says nothing for so long is closed; people type slowly.
    stats timeout 30s
`, s.Socket, s.Group))
	add(s.MasterSocket, fmt.Sprintf(`# HAProxy is reloaded here, and workers that a reload has replaced are still seen. This one is no
# configuration but an argument of the program, which needs -W or -Ws; Debian's unit has it already.
#     haproxy -Ws -f /etc/haproxy/haproxy.cfg -S %s,mode,660,group,%s
`, s.Master, s.Group))
	add(s.ServerState, fmt.Sprintf(`global
    # Weights and drains of before a reload are in force from the first request on, if this is done just before it:
    #     echo "show servers state" | socat stdio %s > %s
    server-state-file %s
defaults
    # This goes into the defaults section that there is: a second one would begin from scratch.
    load-server-state-from-file global
`, s.Socket, s.StateFile, s.StateFile))
	add(s.AgentCheck, s.agentCheck())
	return strings.Join(parts, "\n")
}

func (s Snippets) agentCheck() string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend %s\n", s.Backend)
	b.WriteString("    # HAProxy asks trimtab for each weight, in per cent of the one here (100 leaves room for every whole per cent); no admin socket is needed.\n")
	for _, server := range s.Servers {
		fmt.Fprintf(&b, "    server %s ADDRESS:PORT weight 100 agent-check agent-addr %s agent-port %s agent-inter 1s agent-send %q\n",
			server, s.AgentHost, s.AgentPort, s.Pool+"/"+server+"\n")
	}
	return b.String()
}
