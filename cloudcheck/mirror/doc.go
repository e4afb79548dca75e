// Package mirror keeps a copy of the tenant's holders on disk, so that an audit does not read the whole tenant each time:
// a full read once, then only what changed (Graph's delta queries).
//
// The copy serves audits alone. Nothing is ever said to be verified from it, and nothing is written on its word.
package mirror
