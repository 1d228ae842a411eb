package usage

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

var errReplaced = errors.New("the process has ended and its id is another's now")

// Process reads one process, without its children. Its share of the processor is
// of those that it may run on. Linux only.
func Process(pid int) (*Reader, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("process %d: want a positive id", pid)
	}
	return newProcess(procRoot, pid), nil
}

func newProcess(proc string, pid int) *Reader {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	var used growth
	var first processStat
	return &Reader{"process " + strconv.Itoa(pid), func(now time.Time) (Usage, error) {
		content, err := text(dir, "stat")
		if err != nil {
			return Usage{}, err
		}
		stat, err := parseProcessStat(content)
		if err != nil {
			return Usage{}, err
		}
		if first.started == 0 {
			first = stat
		}
		if stat.started != first.started {
			return Usage{}, errReplaced
		}
		return Usage{used.cores(stat.used, now) / float64(affinity(pid)), residentShare(proc, dir)}, nil
	}}
}

// ownProcess is the process that calls, which the system tells more exactly. Its
// processors are GOMAXPROCS, which knows limits of either version of cgroups.
func ownProcess(proc string) *Reader {
	var used growth
	return &Reader{"process " + strconv.Itoa(os.Getpid()), func(now time.Time) (Usage, error) {
		time, err := ownTime()
		if err != nil {
			return Usage{}, err
		}
		return Usage{
			CPU:    used.cores(time, now) / float64(runtime.GOMAXPROCS(0)),
			Memory: residentShare(proc, filepath.Join(proc, "self")),
		}, nil
	}}
}

// residentShare is what a process holds of the machine's memory.
func residentShare(proc, dir string) float64 {
	content, err := text(dir, "statm")
	if err != nil {
		return math.NaN()
	}
	fields := strings.Fields(content)
	if len(fields) < 2 {
		return math.NaN()
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return math.NaN()
	}
	total, _, err := machineMemory(proc)
	if err != nil {
		return math.NaN()
	}
	return float64(pages) * float64(os.Getpagesize()) / total
}
