// Package stack puts a real HAProxy in front of emulated backends and replays
// load through it, for the demo and for tests.
//
//	trace ─▶ load.Replay ─▶ HAProxy (real) ─▶ backend.Backend × n (emulated)
//	                           │ stats socket
//	                           └─▶ whoever tunes it; Servers() reads it slowly
//
// A [Comparison] replays one trace through several stacks side by side and
// judges each measurement by the generator's own lateness: what was late is
// measured again, and never passed for valid.
//
// It knows of no policy: who wants another balance, weights or a tuner
// attached says so in [Options] or attaches it to [Stack.Socket].
package stack
