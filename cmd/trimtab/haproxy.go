package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"

	"github.com/trimtab-lb/trimtab/haproxy/policy"
)

type haproxyCommand struct {
	Policy  policyCommand  `cmd:"" help:"Change the algorithm of one backend in HAProxy's configuration, and nothing else."`
	Snippet snippetCommand `cmd:"" help:"Print what to add to HAProxy's configuration for trimtab."`
}

type policyCommand struct {
	Algorithm     string        `arg:"" enum:"leastconn,random,random(2),roundrobin" help:"leastconn, random(2), random or roundrobin."`
	ConfigFile    []string      `required:"" placeholder:"FILE" help:"HAProxy's configuration: a file or directory as with haproxy -f; repeated for several, in HAProxy's order. The one that has the backend is changed."`
	Backend       string        `required:"" placeholder:"NAME" help:"The backend or listen section, as the file names it."`
	Reload        bool          `help:"Reload HAProxy then, and set again the weights, drains and maintenance of all its servers, which a reload loses. Other changes made at run time are lost."`
	MasterSocket  string        `placeholder:"PATH" help:"Reload over HAProxy's master socket (haproxy -S)."`
	ReloadCommand string        `placeholder:"CMD" help:"Reload by a shell command, such as \"systemctl reload haproxy\"."`
	Socket        string        `placeholder:"PATH" help:"The admin socket to carry weights over with. Default: the one in the configuration."`
	ReloadTimeout time.Duration `default:"1m" help:"How long a reload may take (default ${default})."`
	Haproxy       string        `placeholder:"BINARY" help:"The program to validate with (haproxy -c). Default: the one in PATH."`
	Yes           bool          `short:"y" help:"Do not ask on a terminal."`
	DryRun        bool          `help:"Show and validate the change, and leave everything as it is."`
}

// Validate is called by kong before Run.
func (c policyCommand) Validate() error {
	switch {
	case c.MasterSocket != "" && c.ReloadCommand != "":
		return errors.New("--master-socket and --reload-command are two ways for one thing: give one")
	case c.Reload && c.MasterSocket == "" && c.ReloadCommand == "":
		return errors.New("--reload needs --master-socket or --reload-command")
	case !c.Reload && (c.MasterSocket != "" || c.ReloadCommand != ""):
		return errors.New("--master-socket and --reload-command are for --reload")
	case c.ReloadTimeout <= 0:
		return fmt.Errorf("--reload-timeout %s: must be positive", c.ReloadTimeout)
	}
	return nil
}

func (c policyCommand) Run(ctx context.Context, s *streams) error {
	plan, err := policy.Prepare(c.ConfigFile, c.Backend, c.Algorithm)
	if errors.Is(err, os.ErrPermission) {
		fmt.Fprintf(s.out, "Add to the backend, or change there:\n\nbackend %s\n    balance %s\n\n", c.Backend, c.Algorithm)
		return fmt.Errorf("%w; someone who may read and write it has to do it", err)
	}
	if err != nil {
		return err
	}
	defer plan.Close()
	if !plan.Changed() {
		return c.unchanged(ctx, s, plan)
	}
	fmt.Fprint(s.out, plan.Diff)
	if err := plan.Check(ctx, c.Haproxy); err != nil {
		return c.byHand(s, plan, err)
	}
	if c.DryRun {
		fmt.Fprintln(s.out, "HAProxy finds the change valid. Nothing was written (--dry-run).")
		return nil
	}
	if !c.Yes && !confirmed(ctx, s) {
		return errors.New("not confirmed; nothing was written")
	}
	backup, err := plan.Write()
	if err != nil {
		return c.byHand(s, plan, err)
	}
	fmt.Fprintf(s.out, "Wrote %s; the old one is %s.\n", plan.Path(), backup)
	if !c.Reload {
		fmt.Fprintln(s.out, "HAProxy goes on as before until it is reloaded; a reload loses weights and drains, but not with --reload.")
		return nil
	}
	return c.reload(ctx, s, plan)
}

// unchanged is for a file that says already what is wanted; HAProxy may still
// have to be told.
func (c policyCommand) unchanged(ctx context.Context, s *streams, plan *policy.Plan) error {
	fmt.Fprintf(s.out, "Backend %s has balance %s already: nothing to change.\n", c.Backend, c.Algorithm)
	if !c.Reload || c.DryRun {
		return nil
	}
	running := ""
	if socket := c.socket(plan); socket != "" {
		var err error
		running, err = policy.Running(ctx, socket, c.Backend)
		if err != nil && !errors.Is(err, policy.ErrNoBackend) { // a name with a variable in it is another one there
			return err
		}
	}
	if running == "" {
		return errors.New("whether HAProxy runs with it cannot be told without an admin socket (--socket); it was not reloaded")
	}
	if policy.InForce(running, c.Algorithm) {
		return nil
	}
	fmt.Fprintf(s.out, "HAProxy still runs with %s.\n", running)
	return c.reload(ctx, s, plan)
}

func (c policyCommand) socket(plan *policy.Plan) string {
	if c.Socket != "" {
		return c.Socket
	}
	return policy.AdminSocket(plan.Files())
}

func (c policyCommand) reload(ctx context.Context, s *streams, plan *policy.Plan) error {
	r := policy.Reload{MasterSocket: c.MasterSocket, Command: c.ReloadCommand, Socket: c.socket(plan), Timeout: c.ReloadTimeout}
	if r.Socket == "" {
		fmt.Fprintln(s.out, "The configuration has no admin socket: no weights or drains can have been set over one, and none are carried over.")
	}
	carried, err := plan.Reload(ctx, r)
	for _, note := range carried.Notes {
		fmt.Fprintln(s.out, "Note:", note)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "Reloaded: backend %s balances with %s. Weights and states set again: %d.\n", c.Backend, c.Algorithm, len(carried.Set))
	return nil
}

// byHand says who has to do what, when this user may not write the file.
func (c policyCommand) byHand(s *streams, plan *policy.Plan, err error) error {
	if !errors.Is(err, policy.ErrNoAccess) {
		return err
	}
	fmt.Fprintf(s.out, "\nTo be done by %s, who may write %s:\n", ownerOf(plan.Path()), plan.Path())
	for _, change := range plan.Changes {
		if change.Added {
			fmt.Fprintf(s.out, "  after line %d, add:     %s\n", change.Line, strings.TrimSpace(change.New))
		} else {
			fmt.Fprintf(s.out, "  line %d, change to:     %s\n", change.Line, strings.TrimSpace(change.New))
		}
	}
	var files strings.Builder
	for _, f := range c.ConfigFile {
		files.WriteString(" -f " + f)
	}
	fmt.Fprintf(s.out, "  then: haproxy -c%s, and reload HAProxy\nor run this command as that user.\n", files.String())
	return err
}

// ownerOf is the name of a file's owner, as far as it can be told.
func ownerOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "its owner"
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "its owner"
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if owner, err := user.LookupId(id); err == nil {
		return owner.Username
	}
	return "user " + id
}

// confirmed asks, where there is a person to ask.
func confirmed(ctx context.Context, s *streams) bool {
	if !term.IsTerminal(os.Stdin.Fd()) {
		return true
	}
	fmt.Fprint(s.out, "Write this? [y/N] ")
	// A terminal is readable when a line is complete; until then an interrupt
	// ends the waiting.
	stdin := []unix.PollFd{{Fd: int32(os.Stdin.Fd()), Events: unix.POLLIN}}
	for ctx.Err() == nil {
		if ready, err := unix.Poll(stdin, 100); ready > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
			break
		}
	}
	if ctx.Err() != nil {
		return false
	}
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return err == nil && (answer == "y" || answer == "yes")
}

type snippetCommand struct {
	AdminSocket  bool     `help:"Only the admin socket; flags like this one add up."`
	MasterSocket bool     `help:"Only the master socket."`
	ServerState  bool     `help:"Only the server-state file."`
	AgentCheck   bool     `help:"Only agent-checks."`
	Socket       string   `default:"/run/haproxy/admin.sock" placeholder:"PATH" help:"Path of the admin socket (default ${default})."`
	Master       string   `default:"/run/haproxy-master.sock" placeholder:"PATH" help:"Path of the master socket (default ${default})."`
	Group        string   `default:"haproxy" placeholder:"NAME" help:"Whose members may open them (default ${default})."`
	StateFile    string   `default:"/var/lib/haproxy/server-state" placeholder:"PATH" help:"Path of the server-state file (default ${default})."`
	Pool         string   `placeholder:"NAME" help:"trimtab's pool (default: as the backend)."`
	Backend      string   `default:"web" placeholder:"NAME" help:"HAProxy's backend (default ${default})."`
	Server       []string `default:"s1,s2" placeholder:"NAME" help:"Its servers (default ${default})."`
	AgentAddr    string   `default:"127.0.0.1:9901" placeholder:"HOST:PORT" help:"Where trimtab answers agent-checks (default ${default})."`
}

func (c snippetCommand) Run(s *streams) error {
	host, port, err := net.SplitHostPort(c.AgentAddr)
	if err != nil {
		return usageError{fmt.Errorf("--agent-addr: %w", err)}
	}
	out := policy.Snippets{
		AdminSocket: c.AdminSocket, MasterSocket: c.MasterSocket, ServerState: c.ServerState, AgentCheck: c.AgentCheck,
		Socket: c.Socket, Master: c.Master, Group: c.Group, StateFile: c.StateFile,
		Pool: c.Pool, Backend: c.Backend, Servers: c.Server, AgentHost: host, AgentPort: port,
	}
	if out.Pool == "" {
		out.Pool = c.Backend
	}
	if !c.AdminSocket && !c.MasterSocket && !c.ServerState && !c.AgentCheck {
		out.AdminSocket, out.MasterSocket, out.ServerState, out.AgentCheck = true, true, true, true
	}
	_, err = fmt.Fprint(s.out, out.Text())
	return err
}
