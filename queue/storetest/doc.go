// Package storetest holds every queue.Store to its word: Run is the conformance suite that all of them pass, with real
// goroutines; Crash kills a process in the middle of its work and looks at what is left; Model is a store in memory, as
// plain as it can be, that passes the same suite and that the others are compared with, step by step.
//
// Only tests import it. It never looks into a store from behind: what it checks, it sees through the interface.
package storetest
