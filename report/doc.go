// Package report makes what people are told. The verification report: what became of each request in a period, why, how
// long it took, and what needs a human, as HTML that a mail client can show, as CSV and as JSON (docs/report.md has their
// shapes). The audit's files: each finding as CSV and JSON lines while the audit runs, and a page for people (docs/audit.md).
//
// It renders what it is given. It asks no store, no directory and no cloud, changes no request, and writes nothing but
// the three files that Save or Finish is asked for.
package report
