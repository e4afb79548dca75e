// Package tenantfile keeps what one audit read of the tenant in a file, so that memory does not grow with the tenant: the
// users, groups and contacts stand in the file, and what they are found by (8 bytes for each anchor, SID and address) in
// memory.
//
// A File belongs to one audit: it is written once, by Read, and removed by Close. It holds personal data, so it belongs to
// its owner alone. Nothing is ever said to be verified from it, and nothing is written to the directory on its word.
package tenantfile
