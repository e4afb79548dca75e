package directory

import (
	"context"
	"time"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// Operation is one request as a hook sees it, before anything is done.
type Operation struct {
	// Account is the sAMAccountName of who asks; empty before a bind.
	Account string
	// Request is what was asked: a *wire.Bind, *wire.Search, *wire.Modify, ….
	Request wire.Operation
	// Catalog says that it came to the global catalog's port.
	Catalog bool
}

// Drop is the moment at which a connection is cut.
type Drop int

// The moments: not at all, before anything is done, and after it is done but before the answer.
const (
	Never Drop = iota
	Before
	After
)

// Fault is what becomes of an operation. The zero value lets it pass.
type Fault struct {
	// Delay is how long it waits first; it ends early when the client has gone.
	Delay time.Duration
	// Code, when not 0, is the LDAP result code that the operation is refused with; Text is its diagnostic message. Nothing is
	// done then.
	Code uint16
	Text string
	// Drop cuts the connection, without a word.
	Drop Drop
	// Then, when not nil, runs when the operation is done and before its answer is sent: the moment in which somebody else's
	// edit slips in between a modify and its read-back.
	Then func()
}

// Hook decides what becomes of each operation. It is called on the connection's own goroutine, without any lock, so that it may
// use the directory itself, and it may block; its context ends with the connection.
type Hook func(ctx context.Context, operation Operation) Fault

// OnOperation sets the hook for all operations in place of an earlier one; nil removes it.
func (d *Directory) OnOperation(hook Hook) {
	if hook == nil {
		d.hook.Store(nil)
		return
	}
	d.hook.Store(&hook)
}

// OnModify sets the hook for modifies alone, in place of an earlier one of either kind.
func (d *Directory) OnModify(hook func(ctx context.Context, dn string, changes []wire.Change) Fault) {
	d.OnOperation(func(ctx context.Context, operation Operation) Fault {
		modify, ok := operation.Request.(*wire.Modify)
		if !ok {
			return Fault{}
		}
		return hook(ctx, modify.DN, modify.Changes)
	})
}

// fault asks the hook, and waits as long as it says.
func (d *Directory) fault(ctx context.Context, operation Operation) Fault {
	hook := d.hook.Load()
	if hook == nil {
		return Fault{}
	}
	fault := (*hook)(ctx, operation)
	if fault.Delay > 0 {
		timer := time.NewTimer(fault.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return fault
}
