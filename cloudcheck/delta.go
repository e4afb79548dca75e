package cloudcheck

import (
	"errors"

	"github.com/aliasd/aliasd/address"
)

// ErrExpired says that a cursor is not good any more (410, syncStateNotFound): read everything again.
var ErrExpired = errors.New("the delta token has expired")

// ErrManyChanges says that more changed since a cursor than is wanted.
var ErrManyChanges = errors.New("too much has changed")

// Cursor is a place in the tenant's history of changes: the delta link of each kind of holder. It is opaque, and good
// for 7 days.
type Cursor map[address.Kind]string

// Changes are the objects that changed since a cursor; an object may stand in it more than once, and in both lists.
type Changes struct {
	// Changed and Removed are ids in Graph by kind.
	Changed, Removed map[address.Kind][]string
	Next             Cursor
}
