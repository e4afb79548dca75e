package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/aliasd/aliasd/private"
)

// tokenLife is how long a delta token is good (Graph, "Use delta query to track changes").
const tokenLife = 7 * 24 * time.Hour

// Options say which copy. Path and TenantID have to be given.
type Options struct {
	// Path is the file; it belongs to its owner alone, since it holds personal data.
	Path string
	// TenantID is the tenant that is copied. A copy of another one is thrown away.
	TenantID string
	// Anew says that the whole tenant is read, whatever the copy holds. The copy stays until the new one is complete.
	Anew   bool
	Now    func() time.Time
	Logger *slog.Logger
}

// Refreshed is what a refresh of the local copy did.
type Refreshed struct {
	// Full says that the whole tenant was read: it was asked for, there was no copy, or the delta token had expired (Why says
	// which).
	Full bool   `json:"full"`
	Why  string `json:"why,omitempty"`
	// Objects are in the copy now; Changed and Removed are what this refresh brought.
	Objects int `json:"objects"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
	// Calls are the HTTP calls to Graph that it took.
	Calls int           `json:"calls"`
	Took  time.Duration `json:"-"`
}

// Open makes a Mirror; the file is made and opened when it is first refreshed. The error is *private.WiderError where
// others than the owner get at a file that is there, or *fs.PathError.
func Open(o Options) (*Mirror, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := private.CheckPrivate(o.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the copy of the tenant: %w", err)
	}
	return &Mirror{options: o}, nil
}
