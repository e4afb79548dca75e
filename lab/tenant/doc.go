// Package tenant is a Microsoft 365 tenant in a box: Microsoft Graph v1.0 and Entra's token endpoint over HTTPS on
// loopback, with what stands behind them: verified domains, licences, deleted objects, the import from a sync engine, the
// proxy calculation (package proxycalc) and the quarantine of conflicting addresses.
//
// It refuses what Graph and Entra refuse, with their codes and bodies: properties that the published metadata does not
// have, filters that Graph does not support without advanced parameters, pages and batches that are too big, tokens
// without the permission, assertions that are not signed by the registered certificate. It throttles and fails on demand.
//
// It is for tests and the demo. It keeps nothing on disk, listens on loopback only, and never calls anybody.
package tenant
