// Package daemon wires a configuration to what runs: proxies, sources, pools
// and targets.
//
//	config ─▶ prepare: everything that can fail, nothing touched
//	             │ error: what runs goes on as it was
//	             ▼
//	          swap: stop what is gone or changed, start what is new
//
// A pool whose settings did not change runs on through a reload. One goroutine,
// the one that calls [Daemon.Run] (or owns a [Fleet]), starts and stops; all
// others see lists that are replaced as a whole.
//
// The package is not for deciding, nor for speaking to proxies or people.
package daemon
