// Package policy changes which algorithm one backend of a HAProxy balances
// with: in its configuration file, since HAProxy cannot change it while it
// runs.
//
//	files ──▶ Edit ──▶ Edited: text, diff          (pure, line by line)
//	             │
//	          Prepare ─▶ Check ─▶ Write ─▶ Reload
//	                     haproxy   backup,  read weights and drains,
//	                     -c        rename   reload, set them again
//
// The line that sets the algorithm is changed and nothing else: every other
// byte stays as it is, odd spacing, comments, line ends and conditionals
// included. Libraries that write a configuration write all of it anew, and
// change what it means where conditionals or several default-server lines are
// in it.
//
// Conditions (.if, .elif) are not evaluated, as they depend on the environment
// and the version of the HAProxy that reads them. Every way through them is
// looked at instead, and afterwards the backend has the algorithm on each: the
// lines of all branches that hold for it are changed. Where a way leaves it
// without a line of its own, it inherits from a defaults section, which others
// inherit from, too: so a line is added to the backend, right below its header,
// where every line that follows still wins. Where nothing sets an algorithm
// anywhere, a line is added even if it names HAProxy's default, which was
// roundrobin up to 3.2 and is random since.
//
// The package is not for any other change of a configuration.
package policy
