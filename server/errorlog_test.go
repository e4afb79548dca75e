package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestErrorsOfConnectionsDoNotFloodTheLog: a thousand clients that do not speak TLS make a few lines, and hide nothing else.
func TestErrorsOfConnectionsDoNotFloodTheLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	l := newErrorLog(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	for range 1000 {
		l.Printf("http: TLS handshake error from 192.0.2.1:4711: EOF")
	}
	if n := strings.Count(out.String(), "\n"); n != errorsAtOnce {
		t.Errorf("%d lines of a thousand", n)
	}
	out.Reset()
	l.Printf("http: Accept error: too many open files")
	if got := out.String(); !strings.Contains(got, "left_out_before=990") || !strings.Contains(got, "level=WARN") {
		t.Errorf("the next one says %q", got)
	}
	now = now.Add(errorsEvery)
	out.Reset()
	l.Printf("http: TLS handshake error from 192.0.2.1:4711: EOF")
	if got := out.String(); strings.Contains(got, "left_out") || !strings.Contains(got, "handshake") {
		t.Errorf("none was left out: %q", got)
	}
}
