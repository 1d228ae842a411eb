// Package advice says which balancing algorithm fits a pool that trimtab runs, from
// what it has seen of it.
//
//	observation.Document ─▶ pool: who serves what, how fast, through whom
//	        │                 │ too little known, held connections, full: said, not simulated
//	        │                 ▼
//	        │              fit: cores and demand that show the same response time and
//	        │                 │ dispersion in simulation, at the reported utilization or
//	        │                 │ at several that it may have
//	        │                 ▼
//	        └─ what the   scenario.File ─▶ play: every algorithm that the data plane can be
//	           targets      │                │   told, with the weights of now, equal ones,
//	           can be told  │                │   and trimtab's, on the same requests
//	                        ▼                ▼
//	               --scenario-out        choose ─▶ Advice: table, sentence, assumptions
//
// The daemon only serves the document; everything here happens in the program of
// whoever asks.
//
// The package is not for changing anything, and does not know better than its
// assumptions: each piece of advice lists them.
package advice
