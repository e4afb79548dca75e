package mirror

import (
	"context"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// Source reads the tenant for a mirror; *graph.Client does. Errors are *cause.Error of kind Waiting, but for
// cloudcheck.ErrExpired and cloudcheck.ErrManyChanges. All methods honour Retry-After, change nothing and may be called concurrently.
type Source interface {
	// Latest gives a cursor that stands for now, without reading anything ($deltaToken=latest).
	Latest(ctx context.Context) (cloudcheck.Cursor, error)
	// EachObject gives every user, group and contact that lives, a page of at most 999 at a time, of all kinds in turn; the
	// next page of each is read while take works on one, and take is called from one goroutine. An error of take ends it and is returned as it
	// is.
	EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error
	// Changes follows the delta links of a cursor to their end. The error wraps cloudcheck.ErrExpired where one is not good
	// any more, and cloudcheck.ErrManyChanges where they tell of more than most, which need not be followed to the end.
	Changes(ctx context.Context, since cloudcheck.Cursor, most int) (cloudcheck.Changes, error)
	// ObjectsByID reads objects of one kind by their ids, fifteen in a question and 300 in a call; ids that are gone are
	// left out, and so are those that the replica which answers does not know yet.
	ObjectsByID(ctx context.Context, kind address.Kind, ids []string) ([]cloudcheck.Object, error)
	// Quarantined gives every user, group and contact with a provisioning error: whether such an error counts as a change
	// is not documented, so they are asked for each time.
	Quarantined(ctx context.Context) ([]cloudcheck.Object, error)
	// Calls counts the HTTP calls made so far.
	Calls() int
}
