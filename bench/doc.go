// Package bench measures aliasd as a whole against a peer or a floor in the same run: the write path against ldapmodify
// and against the bare LDAP operations, acceptance against the store's own commits, a sweep against bare batches, the daemon's
// memory, the recovery of a killed one, several nodes against one, and an audit against the bare reading of both sides. It holds
// benchmarks only; `make bench` and `make bench-audit`
// run them.
package bench
