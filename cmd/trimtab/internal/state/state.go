// Package state keeps what must survive a restart of trimtab: what operators have
// ordered, and what each pool has learned.
//
//	pool's owner ─▶ Memory, Orders ─▶ Store.Save ─▶ DIR/pools/NAME.json
//	                                                     │ at the next start
//	     scorer.Pool.Recall, xds.Target.Recall ◀── Store.Load
//
// A file is replaced as a whole or not at all. One that cannot be read is set
// aside, never overwritten, and the pool starts from what the proxies have.
//
// The package is not for configuration, nor for anything that a proxy knows
// itself.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
)

const (
	// version is that of the format. A file of another one is set aside.
	version = 1
	// maxFile is room for some hundred thousand backends.
	maxFile = 64 << 20
	// maxName keeps a file's name within what every file system takes.
	maxName = 200
)

// File is what is kept of one pool.
type File struct {
	Version int           `json:"version"`
	Pool    string        `json:"pool"`
	SavedAt time.Time     `json:"saved_at"`
	Orders  scorer.Orders `json:"orders"`
	Memory  scorer.Memory `json:"memory"`
	// Served is by target: what Envoys and gRPC clients have.
	Served map[string]xds.Memory `json:"served,omitempty"`
}

// ErrDamaged is a file that could not be understood and was set aside.
var ErrDamaged = errors.New("state file is damaged")

// Store is a directory of state files. One trimtab at a time has it.
type Store struct {
	dir  string
	lock *os.File
}

// Open makes the directory where it is missing and takes hold of it. Its errors
// name the path, its permissions and the user that trimtab runs as.
func Open(dir string) (*Store, error) {
	pools := filepath.Join(dir, "pools")
	if err := os.MkdirAll(pools, 0o700); err != nil {
		return nil, explain(dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, explain(dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state %s: another trimtab uses it: end that one, or give this one a state.path of its own", dir)
		}
		return nil, explain(dir, err)
	}
	for _, d := range []string{dir, pools} {
		info, err := os.Stat(d)
		if err == nil && info.Mode().Perm()&0o022 != 0 {
			err = fmt.Errorf("mode %v lets others write orders there: chmod go-w", info.Mode().Perm())
		}
		if err != nil {
			_ = lock.Close()
			return nil, explain(d, err)
		}
	}
	probe, err := os.CreateTemp(pools, ".probe")
	if err != nil {
		_ = lock.Close()
		return nil, explain(dir, err)
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	return &Store{dir: pools, lock: lock}, nil
}

// Close lets another trimtab have the directory.
func (s *Store) Close() error { return s.lock.Close() }

func (s *Store) path(pool string) (string, error) {
	name := url.PathEscape(pool)
	if name == "" || len(name) > maxName {
		return "", fmt.Errorf("state of pool %q: its name is empty or too long for a file", pool)
	}
	if name[0] == '.' {
		name = "%2E" + name[1:]
	}
	return filepath.Join(s.dir, name+".json"), nil
}

// Load reads what was kept of a pool; a File without anything when there is
// nothing. A damaged file is set aside: the error is then [ErrDamaged] and says
// where it is.
func (s *Store) Load(pool string) (File, error) {
	path, err := s.path(pool)
	if err != nil {
		return File{}, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{}, nil
	case err != nil:
		return File{}, explain(path, err)
	case info.Size() > maxFile:
		return File{}, setAside(path, fmt.Errorf("%d bytes", info.Size()))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return File{}, explain(path, err)
	}
	f, err := decode(text, pool)
	if err != nil {
		return File{}, setAside(path, err)
	}
	return f, nil
}

func decode(text []byte, pool string) (File, error) {
	var f File
	if err := json.Unmarshal(text, &f); err != nil {
		return File{}, err
	}
	switch {
	case f.Version != version:
		return File{}, fmt.Errorf("version %d, want %d", f.Version, version)
	case f.Pool != pool:
		return File{}, fmt.Errorf("it is of pool %q", f.Pool)
	}
	for name, pin := range f.Orders.Pins {
		if !(pin.Weight > 0 && pin.Weight <= tuner.MaxPin) {
			return File{}, fmt.Errorf("pin of %s to %v", name, pin.Weight)
		}
	}
	for name, drain := range f.Orders.Drains {
		if drain.Over < 0 || drain.Over > tuner.MaxDrain {
			return File{}, fmt.Errorf("drain of %s over %s", name, drain.Over)
		}
	}
	return f, nil
}

func setAside(path string, why error) error {
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000")
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("%s: damaged (%w), and it cannot be set aside: %w", path, why, err)
	}
	return fmt.Errorf("%s: %w (%w); set aside as %s", path, ErrDamaged, why, aside)
}

// Save replaces what is kept of a pool, durably: after it has returned, a crash
// loses nothing of it.
func (s *Store) Save(f File) error {
	path, err := s.path(f.Pool)
	if err != nil {
		return err
	}
	f.Version, f.SavedAt = version, time.Now()
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("state of pool %s: %w", f.Pool, err)
	}
	if err := renameio.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return explain(path, err)
	}
	return nil
}

// explain says who may not do what to which file.
func explain(path string, err error) error {
	who := "uid " + strconv.Itoa(os.Getuid())
	if u, lookup := user.Current(); lookup == nil {
		who = "user " + u.Username
	}
	out := fmt.Errorf("state %s (as %s): %w", path, who, err)
	if !errors.Is(err, fs.ErrPermission) {
		return out
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, stat := os.Stat(dir)
		if stat != nil {
			if dir == filepath.Dir(dir) {
				return out
			}
			continue
		}
		owner := ""
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = fmt.Sprintf(", owner uid %d gid %d", s.Uid, s.Gid)
		}
		return fmt.Errorf("%w; %s has mode %v%s: make it writable for trimtab", out, dir, info.Mode().Perm(), owner)
	}
}
