// Package store keeps requests, their event log, tokens and a few notes of the daemon in SQLite or PostgreSQL, durably: what a
// method has returned from survives a crash of the process and of the machine (an fsync per commit).
//
// Statements stand in the code once; a dialect makes them the database's. Writes go through lanes: a goroutine takes all
// writes that are waiting, runs them in one transaction, commits once, and answers them all after the commit. So thirty callers
// share one fsync, and one that fails does not spoil the others: it is undone alone, behind a savepoint. Reads go to a pool of
// connections of their own and never wait for the writers.
//
// SQLite has one lane. PostgreSQL has two for each node: one for what brings requests and claims in, which takes a lock of
// all nodes first, so that Seq is the order in which requests become visible and an address is claimed once; and one for
// everything else, in which nodes work side by side on rows of their own (SKIP LOCKED). The locks have one order, and the
// event log's comes last. Transactions that are in each other's way all the same are run again.
//
// A transition is one guarded UPDATE with RETURNING; nothing is read first to decide about it. Its event goes into the
// hash-chained log in the same transaction.
//
// Only Prune deletes: requests that ended before a time that its caller names, each with all its events. What it removed stays in the
// event log as gaps (package eventlog), and triggers in the database refuse every other way to delete a request or an event.
//
// The package decides nothing about requests but what queue.Store says, and never looks at a clock.
package store
