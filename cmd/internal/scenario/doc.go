// Package scenario is the file that says what a policy is judged on: a pool, or
// several that share backends, the proxies before it, the traffic, and what happens
// meanwhile.
//
//	YAML ──Parse──▶ File ──Expand──▶ File, one entry per backend and event
//	  ▲               │                │
//	  └───Marshal─────┤                ├─Timelines─▶ each backend's State over time
//	                  │                └─Load──────▶ work that arrives over time
//	Draw(seed) ───────┘
//	Schema ◀── the same types
//
// Its types are data that a simulator and a runner of real proxies read alike.
// The package neither simulates nor runs anything, and opens no file.
//
// All times of a file count from the start of its warm-up.
package scenario
