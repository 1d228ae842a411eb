package usage

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxCPU is more processors than any machine has.
const maxCPU = 1 << 16

// text is the content of a small file of the kernel's.
func text(elements ...string) (string, error) {
	content, err := os.ReadFile(filepath.Join(elements...))
	return string(content), err
}

// fieldOf is the number after a name at the beginning of a line, as in cpu.stat,
// memory.stat and, with a colon after the name, /proc/meminfo.
func fieldOf(content, name string) (uint64, error) {
	for line := range strings.Lines(content) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == name {
			return strconv.ParseUint(fields[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %s", name)
}

// parseCPUStat reads the processor time out of cpu.stat.
func parseCPUStat(content string) (time.Duration, error) {
	microseconds, err := fieldOf(content, "usage_usec")
	if err != nil {
		return 0, err
	}
	if microseconds > math.MaxInt64/uint64(time.Microsecond) {
		return 0, fmt.Errorf("usage_usec %d: out of range", microseconds)
	}
	return time.Duration(microseconds) * time.Microsecond, nil
}

// parseCPUMax reads cpu.max, "$MAX $PERIOD", as processors; "max" is +Inf.
func parseCPUMax(content string) (float64, error) {
	fields := strings.Fields(content)
	if len(fields) != 2 {
		return 0, fmt.Errorf("%.40q: want a quota and a period", content)
	}
	if fields[0] == "max" {
		return math.Inf(1), nil
	}
	quota, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return 0, err
	}
	period, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, err
	}
	if quota == 0 || period == 0 {
		return 0, fmt.Errorf("%.40q: want a positive quota and period", content)
	}
	return float64(quota) / float64(period), nil
}

// parseBytes reads memory.current and memory.max; "max" is +Inf.
func parseBytes(content string) (float64, error) {
	content = strings.TrimSpace(content)
	if content == "max" {
		return math.Inf(1), nil
	}
	n, err := strconv.ParseUint(content, 10, 64)
	return float64(n), err
}

// parseCPUList counts the processors of a list such as "0-3,8".
func parseCPUList(content string) (int, error) {
	count := 0
	for part := range strings.SplitSeq(strings.TrimSpace(content), ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(from, 10, 32)
		if err != nil {
			return 0, err
		}
		last := first
		if isRange {
			if last, err = strconv.ParseUint(to, 10, 32); err != nil {
				return 0, err
			}
		}
		if last < first || last >= maxCPU || count > maxCPU {
			return 0, fmt.Errorf("%.40q: no list of processors", content)
		}
		count += int(last-first) + 1
	}
	return count, nil
}

// processStat is what counts of /proc/PID/stat.
type processStat struct {
	used    time.Duration
	started uint64 // ticks after boot
}

// tick is the unit of processor time in /proc, on all of Go's Linuxes.
const tick = 10 * time.Millisecond

var errStat = errors.New("not of the form of /proc/PID/stat")

// parseProcessStat reads /proc/PID/stat. The name in parentheses is the process'
// own choice and may hold anything, parentheses too.
func parseProcessStat(content string) (processStat, error) {
	end := strings.LastIndexByte(content, ')')
	fields := strings.Fields(content[end+1:])
	if end < 0 || len(fields) < 20 {
		return processStat{}, errStat
	}
	var n [3]uint64
	// Counted from the third field, the state: utime, stime and starttime.
	for i, field := range []int{11, 12, 19} {
		var err error
		if n[i], err = strconv.ParseUint(fields[field], 10, 64); err != nil {
			return processStat{}, errStat
		}
	}
	if max(n[0], n[1]) > math.MaxInt64/4/uint64(tick) {
		return processStat{}, errStat
	}
	return processStat{used: time.Duration(n[0]+n[1]) * tick, started: n[2]}, nil
}

// parseMachineStat reads the first line of /proc/stat: the time of all
// processors together, and how much of it they were idle.
func parseMachineStat(content string) (total, idle uint64, err error) {
	line, _, _ := strings.Cut(content, "\n")
	fields := strings.Fields(line)
	if len(fields) < 5 || fields[0] != "cpu" {
		return 0, 0, errors.New("not of the form of /proc/stat")
	}
	// What follows the first eight is a part of the others, counted twice.
	for i, field := range fields[1:min(len(fields), 9)] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("not of the form of /proc/stat: %w", err)
		}
		total += n
		if i == 3 || i == 4 { // idle, and idle while a disk is waited for
			idle += n
		}
	}
	return total, idle, nil
}
