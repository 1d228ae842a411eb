// Package assign places clients on backends where no proxy is in the path: a
// client asks once where to go, is told a backend, and connects there by itself.
//
//	tuner ── plan ──▶ Placement.Apply ─▶ weights, load, who is open ─┐
//	                                                                 ▼
//	client ── HTTP (package redirect) ──┐   Placement.Assign: one backend,
//	client ── DNS  (package dns) ───────┴─▶ noted until a report has counted it
//
// Nothing here sees the clients' connections. What is known of backends is what they
// report, seconds ago, and what was assigned since. The least loaded of the newest
// report would get everybody until the next one, which with unequal hosts is worse
// than drawing lots. So three backends are drawn by their weights, and the one is taken
// that is least busy by its load and by what was assigned to it since it was measured,
// which counts once for every front that does the same and for every client that
// follows one answer ([view]). A backend gets three times its share at the most,
// whatever it reports. Fronts need not know of each other, and one that restarts has
// lost nothing but counts of a few seconds.
//
// Simulated: ten hosts of 8, 8, 4, 4 and 2 cores at 70 %, 20 clients a second that stay
// for 300 s, reports every 5 s with 5 % of noise, wild costs where 7 % of the clients
// are half of the load. Highest over mean load, its mean over time and its 99th
// percentile, as TestMeasuredHerding prints them; the second column is the least sum of
// connections and per cent of CPU, the third draws by capacity:
//
//	                                           ours           least n + cpu%  by lot
//	redirect                                   1.037 / 1.075  2.595 / 2.917   1.108 / 1.292
//	redirect, equal hosts                      1.034 / 1.068  1.098 / 1.179   1.090 / 1.165
//	redirect, reports each second, 5 s late    1.028 / 1.058
//	redirect, 4 fronts                         1.036 / 1.077
//	redirect, 4 fronts, none told              1.039 / 1.081
//	redirect, wild costs                       1.068 / 1.245  2.694 / 3.213   1.216 / 1.457
//	redirect, wild costs, 4 fronts             1.067 / 1.217
//	redirect, wild costs, 4 fronts, none told  1.074 / 1.327
//	DNS, 5 clients an answer                   1.039 / 1.085  2.558 / 2.887   1.149 / 1.344
//	DNS, 4 fronts                              1.045 / 1.102
//	DNS, 4 fronts, none told                   1.047 / 1.110
//	DNS, wild costs, 4 fronts                  1.078 / 1.213  2.684 / 3.221   1.283 / 1.669
//	DNS, 10 clients an answer                  1.044 / 1.093  2.608 / 3.023   1.207 / 1.449
//	DNS, 10 clients an answer, 4 fronts        1.056 / 1.129
//
// With a key, a client is sent to the same backend each time, for as long as that
// has no more than a bounded multiple of its share (Mirrokni, Thorup and
// Zadimoghaddam, "Consistent Hashing with Bounded Loads").
//
// The package is not for carrying traffic, nor for finding out who is well: states
// and weights are the plan's. It opens no socket and reads no clock.
package assign
