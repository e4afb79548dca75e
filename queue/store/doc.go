// Package store keeps requests, their event log, tokens and a few notes of the daemon in SQLite, durably: what a method
// has returned from survives a crash of the process and of the machine (WAL, an fsync per commit).
//
// One goroutine writes. It takes all writes that are waiting, runs each behind a savepoint of its own in one
// transaction, commits once, and answers them all after the commit. So thirty callers share one fsync, and one that
// fails does not spoil the others. Reads go to a pool of connections of their own and never wait for the writer.
//
// A transition is one guarded UPDATE with RETURNING; nothing is read first to decide about it. Its event goes into the
// hash-chained log in the same transaction.
//
// The package decides nothing about requests but what queue.Store says, never looks at a clock, and never deletes a
// request or an event.
package store
