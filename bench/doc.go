// Package bench measures aliasd as a whole against a peer or a floor in the same run: the write path against ldapmodify
// and against the bare LDAP operations, acceptance against the store's own commits, a sweep against bare batches, and the daemon's
// memory. It holds benchmarks only; `make bench` runs them.
package bench
