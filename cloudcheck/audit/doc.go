// Package audit compares every holder of the directory with the tenant: what the cloud should make of it against what it
// shows, addresses that two objects have, values that will not arrive, holders that are missing.
//
// It streams: holders come a page at a time, findings leave as they are found, and what stays in memory is a small index
// of addresses. It never writes to either side.
package audit
