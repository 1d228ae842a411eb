package usage

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
)

var errNoCgroup = errors.New("no cgroup of version 2 but the root")

// ownCgroup is the cgroup of the process that calls.
func ownCgroup(proc string) (*Reader, error) {
	memberships, err := text(proc, "self", "cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := text(proc, "self", "mountinfo")
	if err != nil {
		return nil, err
	}
	dir, ok := cgroupDir(memberships, mounts)
	if !ok {
		return nil, errNoCgroup
	}
	// The root has no type; its use is the whole machine's.
	if _, err := os.Stat(filepath.Join(dir, "cgroup.type")); err != nil {
		return nil, errNoCgroup
	}
	return newCgroup(proc, dir), nil
}

// cgroupDir finds the directory of a process' cgroup of version 2.
func cgroupDir(memberships, mounts string) (dir string, ok bool) {
	member := ""
	for line := range strings.Lines(memberships) {
		if at, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); found {
			member, ok = at, true
		}
	}
	if !ok || strings.HasPrefix(member+"/", "/../") {
		return "", false // none, or in no part of the hierarchy that can be seen from here
	}
	for line := range strings.Lines(mounts) {
		before, after, found := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 5 || len(kind) == 0 || kind[0] != "cgroup2" {
			continue
		}
		return filepath.Join(unescape(fields[4]), below(member, unescape(fields[3]))), true
	}
	return "", false
}

// below is a cgroup's path within a mount of a part of the hierarchy. What is
// outside of it, as in a container that shares the host's namespace, is taken
// for the mount itself.
func below(member, root string) string {
	if rest, ok := strings.CutPrefix(member, root); ok && (root == "/" || rest == "" || rest[0] == '/') {
		return path.Clean("/" + rest)
	}
	return "/"
}

// unescape reads a path of mountinfo, where blanks are written in octal.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
