// Package address has the values that everything else speaks of: proxy addresses, sets of them, holders, and changes
// to a holder's addresses. It also plans a change: what exactly to delete and to add so that the cloud changes only in
// what was asked (docs/design.md, "Planning").
//
// Everything here is pure: no clock, no network, no state. Nothing here ever drops a value that was not named.
package address
