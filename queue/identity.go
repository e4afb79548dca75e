package queue

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"time"
)

// Instant is t as every store keeps it: in UTC, to the microsecond.
func Instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// NewRequestID makes an id for a request that is accepted now: a UUID of version 7 whose rand_a holds the part of the
// millisecond (RFC 9562, 6.2, method 3), so that ids sort by the time of acceptance to a quarter of a microsecond.
func NewRequestID(now time.Time) RequestID {
	var u [16]byte
	rand.Read(u[:])
	millis, rest := uint64(now.UnixMilli()), uint64(now.Nanosecond()%int(time.Millisecond))
	binary.BigEndian.PutUint64(u[:8], millis<<16|7<<12|rest<<12/uint64(time.Millisecond))
	u[8] = u[8]&0x3f | 0x80
	return RequestID(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]))
}

// Digest is the hex SHA-256 of what was asked, whoever asked: submissions with the same digest and the same SubmittedBy
// are identical. The order of Allow does not count, everything else does, spelling included.
func (s Submission) Digest() string {
	allow := slices.Sorted(slices.Values(s.Allow))
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %q",
		s.Holder, s.Action, s.Address, s.Undoes, s.Ticket, s.Requester, s.Note, allow))
	return hex.EncodeToString(sum[:])
}
