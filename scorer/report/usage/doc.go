// Package usage reads what share of its processors and memory a cgroup, a
// process or the whole machine uses.
//
//	cpu.stat, cpu.max, memory.* ┐
//	/proc/PID/stat, statm       ├─▶ Reader.Read(now) ─▶ Usage{CPU, Memory}
//	/proc/stat, meminfo         ┘
//
// A share is of what there is for whom it is read: of a cgroup's limits, its
// parents' included, and of the processors that it may run on.
//
// The package is not for averaging (package report does that) and starts
// nothing: it reads when it is asked to. Away from Linux it knows the processor
// time of the own process at most.
package usage
