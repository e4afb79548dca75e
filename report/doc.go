// Package report makes the verification report: what became of each request in a period, why, how long it took, and what
// needs a human, as HTML that a mail client can show, as CSV and as JSON (docs/report.md has their shapes).
//
// It renders what it is given. It asks no store, no directory and no cloud, changes no request, and writes nothing but
// the three files that Save is asked for.
package report
