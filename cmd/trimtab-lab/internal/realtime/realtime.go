// Package realtime asks the kernel to run this process before its neighbours.
//
// Latency measured on a busy machine is the machine's as much as the proxy's.
// Real-time round robin at the lowest priority takes the neighbours out of it:
// the sender's lateness falls from milliseconds to a tenth of one. Children
// that are started afterwards inherit it.
//
// It needs privileges (root or CAP_SYS_NICE) and is never required.
package realtime

// Class is how the kernel schedules this process.
type Class string

const (
	// RoundRobin is SCHED_RR with priority 1, the lowest of the real-time ones.
	RoundRobin Class = "SCHED_RR 1"
	// Normal is whatever the process was started with.
	Normal Class = "normal priority"
)
