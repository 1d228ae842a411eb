package haproxy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// access says what the file system has to say of a Unix socket that cannot be
// opened, and what to do about it: mode and owner, and who wants to open it.
func access(path string, who identity) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent(path)
	case errors.Is(err, fs.ErrPermission):
		return closed(path, who)
	case err != nil:
		return err.Error()
	case info.Mode()&fs.ModeSocket == 0:
		return "it is no socket but " + described(info)
	}
	owner, group := owners(info)
	text := fmt.Sprintf("it is %s, and trimtab runs as %s", described(info), who)
	const groupMayWrite = 0o060
	switch {
	case who.uid == owner.id || who.in(group.id) || who.uid == 0:
		return text
	case info.Mode()&groupMayWrite == groupMayWrite && group.id != 0:
		return text + fmt.Sprintf(": add that user to group %s (usermod -aG %s %s) and start trimtab again", group.name, group.name, who.user)
	default:
		return text + fmt.Sprintf(": let a group in that trimtab's user is in (\"stats socket %s mode 660 group GROUP level admin\")", path)
	}
}

// absent says how much of a path is there.
func absent(path string) string {
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("there is no directory %s; check the path against HAProxy's \"stats socket\" line", dir)
	}
	return fmt.Sprintf("there is no such file in %s; check that HAProxy runs and that its \"stats socket\" line names this path", dir)
}

// closed finds the directory on the way that lets nobody else in.
func closed(path string, who identity) string {
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil {
			return fmt.Sprintf("directory %s is %s, and trimtab runs as %s, who may not enter it", dir, described(info), who)
		}
	}
	return fmt.Sprintf("a directory on the way does not let %s enter it", who)
}

// described is mode, owner and group as ls shows them.
func described(info fs.FileInfo) string {
	owner, group := owners(info)
	return fmt.Sprintf("%s %s:%s", modeText(info.Mode()), owner.name, group.name)
}

// modeText is the mode in ls's letters: Go's begins with others for sockets.
func modeText(mode fs.FileMode) string {
	kind := "-"
	switch {
	case mode&fs.ModeSocket != 0:
		kind = "s"
	case mode.IsDir():
		kind = "d"
	}
	return kind + mode.Perm().String()[1:]
}

// account is a user or a group.
type account struct {
	id   int
	name string
}

func owners(info fs.FileInfo) (owner, group account) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return account{-1, "?"}, account{-1, "?"}
	}
	owner, group = numbered(int(stat.Uid)), numbered(int(stat.Gid))
	if u, err := user.LookupId(owner.name); err == nil {
		owner.name = u.Username
	}
	if g, err := user.LookupGroupId(group.name); err == nil {
		group.name = g.Name
	}
	return owner, group
}

func numbered(id int) account { return account{id, strconv.Itoa(id)} }

// identity is who a process runs as.
type identity struct {
	user   string
	uid    int
	groups []account
}

// myself is who this process runs as.
func myself() identity {
	me := identity{uid: os.Geteuid(), user: strconv.Itoa(os.Geteuid())}
	if u, err := user.LookupId(me.user); err == nil {
		me.user = u.Username
	}
	ids, _ := os.Getgroups()
	for _, id := range append([]int{os.Getegid()}, ids...) {
		g := numbered(id)
		if known, err := user.LookupGroupId(g.name); err == nil {
			g.name = known.Name
		}
		if !me.in(id) {
			me.groups = append(me.groups, g)
		}
	}
	return me
}

func (i identity) in(group int) bool {
	for _, g := range i.groups {
		if g.id == group {
			return true
		}
	}
	return false
}

func (i identity) String() string {
	names := make([]string, len(i.groups))
	for n, g := range i.groups {
		names[n] = g.name
	}
	return fmt.Sprintf("user %s (groups: %s)", i.user, strings.Join(names, ", "))
}
