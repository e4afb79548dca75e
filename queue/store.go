package queue

import (
	"context"
	"errors"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// Errors that every store gives, wrapped or not.
var (
	// ErrNotFound: there is no such request.
	ErrNotFound = errors.New("no such request")
	// ErrStale: the request is not in the state that the transition starts from any more, or the lease is another's.
	ErrStale = errors.New("the request moved on meanwhile")
	// ErrKeyReused: the idempotency key came before with another submission.
	ErrKeyReused = errors.New("the idempotency key was used for another request")
	// ErrBadCursor: a list's cursor is none that List gave.
	ErrBadCursor = errors.New("the cursor is none of this list")
	// ErrStoreFull: the disk is full or the store cannot be written; nothing was stored.
	ErrStoreFull = errors.New("the store cannot be written")
	// ErrStoreAway: the store cannot be reached, does not answer in time, or is kept locked by another process; nothing was stored.
	ErrStoreAway = errors.New("the store cannot be reached")
	// ErrStoreUnsure: the store went away while it stored something, and it is not known whether it did. A submission can be
	// repeated as it was: it is answered by the request that it became, if it became one. A transition too: it is ErrStale
	// where it was made.
	ErrStoreUnsure = errors.New("the store went away before it said whether it stored this")
)

// Store keeps requests. Every method is atomic and durable when it returns, safe for concurrent use by many
// goroutines and, where the store allows it, many nodes. Every change of a request appends its event in the same
// transaction. Times are kept in UTC to the microsecond.
type Store interface {
	Intake
	Work
	Brakes
	Control
}

// Intake takes requests in and shows them.
type Intake interface {
	// Accept stores a submission as an accepted request and returns it with created true. The same idempotency key
	// (per SubmittedBy, for 7 days), or without a key an identical submission that is still open, returns the earlier
	// request with created false; the key with another digest is ErrKeyReused. A key from more than 7 days
	// ahead holds no longer either: a wrong clock noted it.
	//
	// Without a key the same words ask for something new where the earlier request is mismatched, where a later one for the same holder
	// follows it that was neither refused nor cancelled, and while the holder of a later one is not known: it may be the same.
	//
	// ErrInvalid where Submission.Check refuses, ErrNotFound where there is no request that the submission could undo
	// (Submission.Undoes).
	Accept(ctx context.Context, s Submission, key Idempotency, now time.Time) (r Request, created bool, err error)
	// Get returns one request, ErrNotFound where there is none.
	Get(ctx context.Context, id RequestID) (Request, error)
	// List returns a page of requests, newest first, and the cursor of the next page, empty at the end.
	List(ctx context.Context, f Filter) (page []Request, next string, err error)
	// Events returns a part of a request's events, oldest first, ErrNotFound where there is no such request.
	Events(ctx context.Context, id RequestID, of Part) ([]Event, error)
	// Stats counts requests by state, and gives what the metrics need.
	Stats(ctx context.Context) (Stats, error)
}

// Farthest is how far ahead a time of a retry, a lease or a next look can lie: none of the runner's pauses is half as long. One
// that lies further ahead was noted before the clock was set back, and has come. (A look that is never made again is not meant.)
const Farthest = 2 * time.Hour

// Never is a time that does not come: a mismatched request that is not swept any more, until somebody asks.
func Never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// Come says whether a time has come: at is not after now, or cannot be meant.
func Come(at, now time.Time) bool {
	return !at.After(now) || at.After(now.Add(Farthest)) && at.Before(Never())
}

// Work is what the runner does with requests. A time has come where Come says so.
type Work interface {
	// Unresolved returns accepted requests whose time has come, oldest first, at most n.
	Unresolved(ctx context.Context, now time.Time, n int) ([]Request, error)
	// Unknown returns the accepted requests before a Seq, oldest first, whether their time has come or not: whose holders are not known
	// yet, and may be the one that a later request is for.
	Unknown(ctx context.Context, before int64) ([]Request, error)
	// Resolve notes the holder of an accepted request, takes its claims and moves it to queued, all in one
	// transaction. Where an open request for another holder has one of the addresses claimed for taking, the request
	// is refused address_busy instead, naming that request; the returned request shows which it was. Where a later request of the
	// holder has had its turn (State.Begun), it is refused changed_since (Late): a holder's requests are written in the order of Seq.
	Resolve(ctx context.Context, id RequestID, holder address.GUID, claims []Claim, now time.Time) (Request, error)
	// Claim leases at most n queued requests to owner (state writing) whose time has come and whose holder has no earlier
	// request in queued, held or writing; and takes over requests in writing whose lease has expired. Not while paused (Control): a
	// take-over excepted.
	Claim(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]Request, error)
	// TakeOver takes over at most n requests in writing whose lease has expired, as Claim does, and claims none that is queued.
	TakeOver(ctx context.Context, owner string, now time.Time, lease time.Duration, n int) ([]Request, error)
	// Releasing returns an open request for another holder that is to release one of the addresses that id claims for taking, and that was
	// accepted earlier or has been written; the oldest of several, nil when there is none.
	Releasing(ctx context.Context, id RequestID) (*Request, error)
	// Advance makes one transition (or records something without one), guarded by Transition.From and, in writing, by
	// the owner and an unexpired lease. ErrStale where the guard fails; nothing is changed then, nor where a sent
	// intent meets the stop switch (ErrPaused) or a cap (ErrOverCap, Transition.Spend). What one node's SetPaused has returned from,
	// or its Advance has spent, every later Advance of any node knows. A request that leaves writing and
	// wrote nothing gives its share of the caps back (Transition.Unspends).
	Advance(ctx context.Context, t Transition) (Request, error)
	// Prior tells of earlier writes to a holder, the request `except` left out: the receipts that changed something, oldest first (those
	// of requests that were written at or after since, and the newest one that touched an address, whatever its age), and the DC of a
	// sent intent whose outcome nothing has settled since (no answer, no receipt of its own, no later receipt from that DC), empty
	// where there is none.
	Prior(ctx context.Context, holder address.GUID, except RequestID, since time.Time) (ldapwriter.Prior, error)
	// Awaiting returns all that waits for the cloud, in the order of acceptance: every written request, and the mismatched
	// ones whose time has come.
	Awaiting(ctx context.Context, now time.Time) ([]Waiting, error)
	// Awaited returns those of the requests with the given Seq that are still written or mismatched, in the order of
	// acceptance.
	Awaited(ctx context.Context, seqs []int64) ([]Request, error)
	// Wake clears NotBefore of a request in accepted, queued, written or mismatched, so that the next pass takes it, and logs who
	// asked for that. A transition that is made of the request as it was before leaves it cleared (Transition.AsOf). woken is
	// false where it was cleared already: nothing is changed and nothing is logged then, however often somebody asks.
	Wake(ctx context.Context, id RequestID, by string, now time.Time) (r Request, woken bool, err error)
}

// Control is the stop switch.
type Control interface {
	// Paused tells since when all writing is stopped and by whom; the zero time when it is not.
	Paused(ctx context.Context) (since time.Time, by string, err error)
	// SetPaused stops or starts all writing, on every node. Doing it twice is harmless. Once it has returned from stopping, no
	// sent intent is stored any more (Work.Advance).
	SetPaused(ctx context.Context, paused bool, by string, now time.Time) error
}

// Waiting is a request that waits for the cloud, as far as a sweep needs it to know whose turn it is.
type Waiting struct {
	Seq       int64
	Object    address.GUID
	State     State
	NotBefore time.Time // zero: somebody asked for a look (Wake), and none was stored since
	WrittenAt time.Time
}

// ClaimKind says what a request wants with an address.
type ClaimKind string

// The kinds of claims.
const (
	Take    ClaimKind = "take"    // the holder shall have it
	Release ClaimKind = "release" // the holder shall not have it any more
)

// Claim is an open request's hold on an address, until the request is final.
type Claim struct {
	Address address.Key
	Kind    ClaimKind
}

// Transition is one guarded change of a request. Nil and zero fields leave what stands.
type Transition struct {
	ID   RequestID
	From State
	// To may equal From: something is recorded, the state stays.
	To State
	// Owner must hold the lease where From is writing; it is ignored elsewhere.
	Owner string
	Now   time.Time
	// What and Detail go into the event; Detail is marshalled to JSON.
	What   string
	Detail any
	// Cause replaces the request's cause; ClearCause removes it.
	Cause      *cause.Cause
	ClearCause bool
	NotBefore  *time.Time
	// AsOf is the UpdatedAt of the request that the transition was made of: where it is another one now, somebody asked for a
	// look meanwhile (Wake), and NotBefore stays as it stands there. Zero: NotBefore is changed in any case.
	AsOf       time.Time
	Attempts   *int
	LeaseUntil *time.Time // extends the lease
	CloudID    string
	Intent     *Intent
	// Restates says that Intent is what is known of a modify that was sent before: nothing is sent now, so neither the stop switch nor a
	// cap stands before it.
	Restates bool
	// Spend is what a sent Intent takes from the caps; nil: nothing is counted.
	Spend   *Spend
	Receipt *ldapwriter.Receipt
	// ReleasedBy is the administrator who lets a held request go: no cap holds it again.
	ReleasedBy string
	// Supersedes lists the addresses that the receipt's change touched: earlier requests for the same holder in written
	// or mismatched whose own receipt touched one of them, or that ask for one of them, become superseded by this one,
	// in the same transaction; their claims on what the holder still has become this one's (Inherits). An undo names the request that it takes back as well (UndoneID): that one becomes
	// superseded too where its state allows it, and gets SupersededBy in any case.
	Supersedes  []address.Key
	UndoneID    RequestID
	Expectation *cloudcheck.Expectation
	// Unclaim gives up the request's claims though it is not final: a mismatched one that is not swept any more.
	Unclaim      bool
	Seen         *cloudcheck.Seen
	LastSyncSeen *time.Time
	SyncMoves    *int
	Notes        []string
}

// Filter selects requests for List. Zero fields select everything.
type Filter struct {
	State  State
	Holder string // exact holder as submitted, without case, or an objectGUID
	Ticket string
	// Since keeps requests that were created or changed at or after it.
	Since time.Time
	Limit int // 0 is 50; more than 500 is 500
	// Cursor keeps requests that were accepted before one: List gives it, and it is that one's Seq in decimal digits.
	Cursor string
}

// Part is a part of a request's events. The zero one is all of them.
type Part struct {
	Before int64 // only those whose ID is less; 0: all
	Most   int   // only the newest of these; 0: all
}

// Stats is what the store knows of the queue as a whole.
type Stats struct {
	ByState map[State]int // every state, 0 too
	// OldestWaiting is when the oldest request that is not final and not mismatched was accepted; zero: none.
	OldestWaiting time.Time
	// InFlight counts the requests in writing whose modify may have been sent and that have no answer yet.
	InFlight int
}
