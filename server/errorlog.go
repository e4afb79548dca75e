package server

import (
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What net/http says of a connection is logged so often at most: whoever connects and does not speak TLS makes it say something each
// time, and could fill the disk.
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

// Write is io.Writer's, with one line. Those that are too many are counted, and the next one tells how many they were.
func (e *errorLog) Write(line []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.allow.AllowN(e.now(), 1) {
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
