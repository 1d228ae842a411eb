package usage

import (
	"fmt"
	"math"
	"time"
)

// Machine reads the whole machine. Time that a hypervisor took counts as used,
// as it cannot be had. Linux only.
func Machine() *Reader { return newMachine(procRoot) }

func newMachine(proc string) *Reader {
	var lastTotal, lastIdle uint64
	return &Reader{"the machine", func(time.Time) (Usage, error) {
		content, err := text(proc, "stat")
		if err != nil {
			return Usage{}, err
		}
		total, idle, err := parseMachineStat(content)
		if err != nil {
			return Usage{}, err
		}
		out := Usage{math.NaN(), math.NaN()}
		// The kernel lets idle time go back now and then.
		if lastTotal > 0 && total > lastTotal && idle >= lastIdle {
			out.CPU = max(1-float64(idle-lastIdle)/float64(total-lastTotal), 0)
		}
		lastTotal, lastIdle = total, idle
		if size, available, err := machineMemory(proc); err == nil {
			out.Memory = 1 - available/size
		}
		return out, nil
	}}
}

// machineMemory is the machine's memory and what could be had of it, in bytes.
func machineMemory(proc string) (total, available float64, err error) {
	content, err := text(proc, "meminfo")
	if err != nil {
		return 0, 0, err
	}
	kib, err := fieldOf(content, "MemTotal:")
	if err == nil && kib == 0 {
		err = fmt.Errorf("no memory")
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%s/meminfo: %w", proc, err)
	}
	free, err := fieldOf(content, "MemAvailable:")
	if err != nil {
		return 0, 0, fmt.Errorf("%s/meminfo: %w", proc, err)
	}
	return float64(kib) * 1024, float64(min(free, kib)) * 1024, nil
}
