// Package torture runs the real daemon as a separate process against the lab, kills it at random moments and at every named
// point while requests arrive and a second writer edits the same holders, and checks afterwards that nothing was lost,
// nothing was done twice and nothing was said that is not so. docs/torture.md tells what it does and how to repeat a run.
//
// A run is a script that one seed gives: who is asked for what and when, where the daemon is killed, what the second writer
// does. The oracle is a ledger: between daemon and directory stands a fault proxy that lets one modify at a time through to a
// holder and notes the values before and after it; the second writer takes its turns in the same ledger. So the order in which
// things happened to a holder is known, and who did what.
//
// Nothing but tests uses it, and production code knows nothing of it: the kills inside of the daemon are wrappers around its
// store, which the test binary puts in when it runs as the daemon (Inside).
package torture
