// Package ldapwriter is the on-premises side: it finds a holder, looks who else holds an address, writes one change as
// one LDAP modify that names every old value it removes, and reads it back.
//
// It never replaces proxyAddresses, never uses the permissive-modify control, and never touches a value that the
// change did not name. It decides nothing about what to write: plans come from package address, through the queue.
package ldapwriter
