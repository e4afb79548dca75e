package report

import (
	"slices"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// urgency says how urgently a request needs a human: 1 is the most urgent, 0 is not at all.
func urgency(it Item) int {
	switch it.State {
	case queue.Failed:
		return 1
	case queue.Mismatched:
		return 2
	case queue.Held:
		return 3
	case queue.Accepted, queue.Queued, queue.Writing, queue.Written:
		if slices.Contains(broken(), it.code()) {
			return 4
		}
	case queue.Refused:
		if it.code() == cause.ChangedSince { // often an undo of what was undone already
			return 6
		}
		if slices.Contains(decisions(), it.code()) {
			return 5
		}
	}
	return 0
}

// rank puts what needs nobody last.
func rank(it Item) int {
	if u := urgency(it); u > 0 {
		return u
	}
	return 7
}

// broken are the waitings that last until an administrator mends something.
func broken() []cause.Code {
	return []cause.Code{cause.DirectoryUnavailable, cause.DCUnavailable, cause.CloudUnavailable, cause.SyncStopped, cause.Paused}
}

// decisions are the refusals after which the same request can succeed once an administrator has decided or given
// something. The others concern the one who asked, who was told.
func decisions() []cause.Code {
	return []cause.Code{
		cause.PrimaryUnclear, cause.NoPrimary, cause.NoRights, cause.DomainNotVerified, cause.HeldByDeleted,
		cause.WouldMailEnable, cause.SignInChange,
	}
}
