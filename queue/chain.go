package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/cause"
)

// entry is the canonical form of an event: the members in this order, times in RFC 3339 with at most microseconds,
// null where there is no cause or no detail, and no member kept where nothing is kept. Stores keep these bytes as they are: they are what was hashed.
type entry struct {
	ID        int64           `json:"id"`
	RequestID RequestID       `json:"request_id"`
	At        time.Time       `json:"at"`
	From      State           `json:"from"`
	To        State           `json:"to"`
	Cause     *cause.Cause    `json:"cause"`
	Node      string          `json:"node"`
	What      string          `json:"what"`
	Detail    json.RawMessage `json:"detail"`
	Kept      Kept            `json:"kept,omitzero"`
}

// Sealed puts e behind the entry whose hash is prev ("" for the first) and gives its canonical JSON. At is kept to the
// microsecond; Detail has to be JSON.
func (e Event) Sealed(prev string) (sealed Event, canonical []byte, err error) {
	e.At = Instant(e.At)
	canonical, err = json.Marshal(entry{e.ID, e.RequestID, e.At, e.From, e.To, e.Cause, e.Node, e.What, e.Detail, e.Kept})
	if err != nil {
		return e, nil, fmt.Errorf("event %q of request %s: %w", e.What, e.RequestID, err)
	}
	e.PrevHash, e.Hash = prev, ChainHash(prev, canonical)
	return e, canonical, nil
}

// ChainHash is the hash of an entry of the event log: hex SHA-256 over the hash before it, in hex, and the entry's bytes.
func ChainHash(prev string, canonical []byte) string {
	h := sha256.New()
	h.Write([]byte(prev))
	h.Write(canonical)
	return hex.EncodeToString(h.Sum(nil))
}

// ParseEvent reads an entry of the event log and its place in the chain. It does not check the hash.
func ParseEvent(canonical []byte, prev, hash string) (Event, error) {
	var e entry
	if err := json.Unmarshal(canonical, &e); err != nil {
		return Event{}, fmt.Errorf("read an entry of the event log: %w", err)
	}
	if string(e.Detail) == "null" {
		e.Detail = nil
	}
	return Event{ID: e.ID, RequestID: e.RequestID, At: e.At, From: e.From, To: e.To, Cause: e.Cause, Node: e.Node, What: e.What,
		Detail: e.Detail, Kept: e.Kept, PrevHash: prev, Hash: hash}, nil
}
