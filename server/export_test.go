package server

// Codes lists every code of this API's own, in the order of their statuses.
func Codes() []Code {
	return []Code{Unauthenticated, Forbidden, NotFound, NoSuchRoute, MethodNotAllowed, BodyTimeout, NotPossible, NothingToUndo, BodyTooLarge,
		UnsupportedMediaType, MalformedJSON, InvalidRequest, UnknownField, DuplicateField, InvalidField, IdempotencyKeyReused,
		TooManyCalls, TooCostly, TooManyFailures, Internal, Unavailable, Busy, Timeout, StoreFull, StoreAway}
}
