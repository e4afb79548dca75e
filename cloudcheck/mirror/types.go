package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/aliasd/aliasd/private"
)

const (
	day = 24 * time.Hour
	// tokenLife is how long a delta token is good (Graph, "Use delta query to track changes"), by Graph's clock.
	tokenLife = 7 * day
	// tokenMargin is how far this machine's clock and Graph's may be apart, at most.
	tokenMargin = day
	// wholeLife is after what time the whole tenant is read again: what changes never told is mended then.
	wholeLife = 28 * day
)

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
	// Full says that the whole tenant was read; Why says why, "there was no copy" for example.
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
