package mirror

import (
	"context"
	"errors"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// ErrExpired says that a cursor is not good any more (410, syncStateNotFound): read everything again.
var ErrExpired = errors.New("the delta token has expired")

// Cursor is a place in the tenant's history of changes: the delta link of each kind of holder. It is opaque, and good
// for 7 days.
type Cursor map[address.Kind]string

// Changes are the objects that changed since a cursor; an object may stand in it more than once, and in both lists.
type Changes struct {
	// Changed and Removed are ids in Graph by kind.
	Changed, Removed map[address.Kind][]string
	Next             Cursor
}

// Source reads the tenant for a mirror. Errors are *cause.Error of kind Waiting, but for ErrExpired. All methods honour
// Retry-After, change nothing and may be called concurrently.
type Source interface {
	// Latest gives a cursor that stands for now, without reading anything ($deltaToken=latest).
	Latest(ctx context.Context) (Cursor, error)
	// EachObject gives every user, group and contact that lives, a page of at most 999 at a time; the next page is read
	// while take works on one, and take is called from one goroutine. An error of take ends it and is returned as it is.
	EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error
	// Changes follows the delta links of a cursor to their end. ErrExpired, wrapped or not, where one is not good any more.
	Changes(ctx context.Context, since Cursor) (Changes, error)
	// ObjectsByID reads objects of one kind by their ids, fifteen in a question and 300 in a call; ids that are gone are
	// left out.
	ObjectsByID(ctx context.Context, kind address.Kind, ids []string) ([]cloudcheck.Object, error)
	// Quarantined gives every user, group and contact with a provisioning error: whether such an error counts as a change
	// is not documented, so they are asked for each time.
	Quarantined(ctx context.Context) ([]cloudcheck.Object, error)
	// Calls counts the HTTP calls made so far.
	Calls() int
}
