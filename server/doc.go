// Package server is the REST API of aliasd: requests come in, are shown, cancelled, undone, rechecked and released;
// writing is paused and resumed; holders are shown with what the cloud makes of them.
//
// It checks what can be seen without the directory, asks the queue for everything else, and turns every error into an
// RFC 9457 problem document with a stable code in one place (problemFor). It never writes to the directory, never asks
// the cloud, and never logs a token, a body or a path that names a person.
//
// Nobody passes without a bearer token but for /healthz and /readyz. A route allows whom its scope names; one that
// names none is closed (guard).
package server

//go:generate go run ./internal/openapi -o openapi.json
