// Package eventlog verifies the event log: a chain of entries, each hashed with the hash before it (queue.ChainHash).
//
// A Walker follows the chain link by link and names the first one that is not what was written. Entries that retention
// removed are told by gaps: a gap keeps the hash before its first entry and that of its last one, so the links hold across
// it, and the newest entry "pruned" has a digest over all gaps, so that none can be made up without rewriting what follows.
//
// A bare chain does not show that its newest entries were cut off. Two things do: an Anchor, which is the head of the log as it was
// once, kept elsewhere; and the requests themselves, which Stories compares with the last word that the log has on each.
//
// An entry also has digests of the rows that its step left in the store (queue.Kept): so a row that somebody changed, took out or put in by
// hand is found, whichever of its columns it is. Entries of earlier versions have none; the version that begins with them seals what it finds.
//
// The package reads no store and no clock. It never mends anything.
package eventlog
