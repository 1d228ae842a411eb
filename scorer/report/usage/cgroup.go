package usage

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// cgroup is a cgroup of version 2 and those above it.
//
// A limit of a parent's is shared with its other children, so that a cgroup can
// be at its end while it uses little itself. Therefore each level's use is taken
// over its own limit, and the fullest level counts.
type cgroup struct {
	proc   string
	levels []level // the cgroup itself first
}

type level struct {
	dir  string
	used growth
}

// Cgroup reads the cgroup of version 2 whose directory is given, for example
// "/sys/fs/cgroup/system.slice/web.service". What is not in the file system
// yet, or no more, is an error of Read.
func Cgroup(dir string) (*Reader, error) {
	if dir = filepath.Clean(dir); !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("cgroup %s: want the absolute path of its directory", dir)
	}
	return newCgroup(procRoot, dir), nil
}

func newCgroup(proc, dir string) *Reader {
	c := &cgroup{proc: proc}
	for at := dir; ; at = filepath.Dir(at) {
		// Every cgroup has this file; what is above the mount has not.
		if _, err := os.Stat(filepath.Join(at, "cgroup.procs")); err != nil && at != dir {
			break
		}
		c.levels = append(c.levels, level{dir: at})
		if at == filepath.Dir(at) {
			break
		}
	}
	return &Reader{"cgroup " + dir, c.read}
}

func (c *cgroup) read(now time.Time) (Usage, error) {
	out := Usage{math.NaN(), math.NaN()}
	for i := range c.levels {
		l := &c.levels[i]
		cpu, err := l.cpu(now, i == 0)
		if err != nil && i == 0 {
			return out, err
		}
		if err == nil {
			out.CPU = larger(out.CPU, cpu)
		}
		if memory, err := l.memory(); err == nil {
			out.Memory = larger(out.Memory, memory)
		}
	}
	if math.IsNaN(out.Memory) {
		out.Memory = c.unlimitedMemory()
	}
	return out, nil
}

// cpu is the share in use of what the level may use; a level without a limit is
// never full, but for the lowest, which has the processors for its limit.
func (l *level) cpu(now time.Time, lowest bool) (float64, error) {
	content, err := text(l.dir, "cpu.stat")
	if err != nil {
		return 0, err
	}
	used, err := parseCPUStat(content)
	if err != nil {
		return 0, fmt.Errorf("%s/cpu.stat: %w", l.dir, err)
	}
	limit, err := limitOf(l.dir, "cpu.max", parseCPUMax)
	if err != nil {
		return 0, err
	}
	if lowest {
		limit = min(limit, float64(processors(l.dir)))
	}
	return l.used.cores(used, now) / limit, nil
}

// limitOf reads a limit. The root has none, nor has a cgroup whose controller is
// not enabled.
func limitOf(dir, name string, parse func(string) (float64, error)) (float64, error) {
	content, err := text(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return math.Inf(1), nil
	}
	if err != nil {
		return 0, err
	}
	limit, err := parse(content)
	if err != nil {
		return 0, fmt.Errorf("%s/%s: %w", dir, name, err)
	}
	return limit, nil
}

// processors is how many a cgroup may run on.
func processors(dir string) int {
	content, err := text(dir, "cpuset.cpus.effective")
	if err != nil {
		return runtime.NumCPU()
	}
	n, err := parseCPUList(content)
	if err != nil {
		return runtime.NumCPU()
	}
	return n
}

// memory is the share in use of the level's limit.
func (l *level) memory() (float64, error) {
	limit, err := limitOf(l.dir, "memory.max", parseBytes)
	if err != nil || math.IsInf(limit, 1) || limit == 0 {
		return math.NaN(), err
	}
	used, err := workingSet(l.dir)
	return used / limit, err
}

// workingSet is the memory that cannot simply be taken back: files that were
// read long ago are in memory.current, too, and fill any limit in time.
func workingSet(dir string) (float64, error) {
	content, err := text(dir, "memory.current")
	if err != nil {
		return math.NaN(), err
	}
	current, err := parseBytes(content)
	if err != nil {
		return math.NaN(), fmt.Errorf("%s/memory.current: %w", dir, err)
	}
	if content, err = text(dir, "memory.stat"); err != nil {
		return math.NaN(), err
	}
	inactive, err := fieldOf(content, "inactive_file")
	if err != nil {
		return math.NaN(), fmt.Errorf("%s/memory.stat: %w", dir, err)
	}
	return max(current-float64(inactive), 0), nil
}

// unlimitedMemory is the share of the machine's memory.
func (c *cgroup) unlimitedMemory() float64 {
	used, err := workingSet(c.levels[0].dir)
	if err != nil {
		return math.NaN()
	}
	total, _, err := machineMemory(c.proc)
	if err != nil {
		return math.NaN()
	}
	return used / total
}
