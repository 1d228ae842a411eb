// Package stack puts a real HAProxy or Envoy in front of emulated backends and
// replays load through it, for the demo and for tests.
//
//	trace ─▶ load.Replay ─▶ HAProxy or Envoy (real) ─▶ backend.Backend × n (emulated)
//	                           │ stats socket; admin, xDS
//	                           └─▶ whoever tunes it; Proxy.Servers() reads it slowly
//
// A [Comparison] replays one trace through several stacks side by side and
// judges each measurement by the generator's own lateness: what was late is
// measured again, and never passed for valid.
//
// It knows of no policy: who wants another balance, weights or a tuner says so
// in the options, attaches it to [Stack.Socket], is the control plane of an Envoy,
// or calls [Stack.Steer]. Several stacks may share backends.
package stack
