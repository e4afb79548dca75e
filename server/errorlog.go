package server

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A failed TLS handshake is logged so often at most: whoever connects and does not speak TLS makes net/http say something each time, and
// could fill the disk. What else it says (a panic, no more files) is always logged.
const (
	errorsEvery  = 10 * time.Second
	errorsAtOnce = 10
)

// errorLog takes the lines of an http.Server that has no request to put them to.
type errorLog struct {
	log   *slog.Logger
	now   func() time.Time
	mu    sync.Mutex
	allow *rate.Limiter
	left  int // lines that were left out since the last one
}

func newErrorLog(to *slog.Logger, now func() time.Time) *log.Logger {
	return log.New(&errorLog{log: to, now: now, allow: rate.NewLimiter(rate.Every(errorsEvery), errorsAtOnce)}, "", 0)
}

// Write is io.Writer's, with one line. Those that are too many are counted, and the next line tells how many they were.
func (e *errorLog) Write(line []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.Contains(string(line), "TLS handshake error") && !e.allow.AllowN(e.now(), 1) {
		e.left++
		return len(line), nil
	}
	about := []any{}
	if e.left > 0 {
		about = append(about, "left_out_before", e.left)
	}
	e.left = 0
	e.log.Warn(strings.TrimSpace(string(line)), about...)
	return len(line), nil
}
