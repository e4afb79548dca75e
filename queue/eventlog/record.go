package eventlog

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/aliasd/aliasd/queue"
)

// What entries of the log are called that belong to no request. They stay for ever.
const (
	// Pruned: retention removed entries; the detail is a Removal.
	Pruned = "pruned"
	// Restored: the store was put back from a backup, and writing is stopped; the detail is a Restoral.
	Restored = "restored"
	// Stopped and GoesOn: somebody turned the stop switch; the detail is a Switched.
	Stopped = "writing stopped"
	GoesOn  = "writing goes on"
	// TokenCreated and TokenRevoked: the detail is a TokenChange.
	TokenCreated = "token created"
	TokenRevoked = "token revoked"
	// Sealed: a version that records what rows the store keeps found a store of an earlier one; the detail is a Sealing.
	Sealed = "sealed"
)

// Switched is the detail of an entry on the stop switch.
type Switched struct {
	By string `json:"by"`
}

// TokenChange is the detail of an entry on a token. It holds nothing of the token itself.
type TokenChange struct {
	ID     int64    `json:"id"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes,omitempty"`
}

// Sealing is the detail of an entry "sealed": what stood in a part of the store that an earlier version wrote. What was forged before that
// is found only where it contradicts an entry.
type Sealing struct {
	Requests map[queue.RequestID]queue.Kept `json:"requests,omitempty"`
	// Tokens are digests by the numbers of the tokens, and Pause that of the stop switch, queue.Gone where it is not set.
	Tokens map[int64]string `json:"tokens,omitempty"`
	Pause  string           `json:"pause,omitempty"`
}

// Record is one entry of the log as it is kept: the bytes that were hashed, and its place in the chain.
type Record struct {
	ID        int64
	RequestID queue.RequestID // as it is kept beside the entry
	Entry     []byte
	PrevHash  string
	Hash      string
}

// Gap is a run of entries that retention removed. The chain goes on behind Hash, which is that of its last entry and so
// vouches for every entry up to it.
type Gap struct {
	First    int64  `json:"first_id"`
	Last     int64  `json:"last_id"`
	PrevHash string `json:"prev_hash"`
	Hash     string `json:"hash"`
}

// entries is how many entries a gap stands for.
func (g Gap) entries() int64 { return g.Last - g.First + 1 }

// Removal is the detail of an entry "pruned": what went, and a digest over all gaps that the log has from then on.
type Removal struct {
	Before   string `json:"before"`
	By       string `json:"by"`
	Requests int    `json:"requests"`
	Entries  int    `json:"entries"`
	Gaps     int    `json:"gaps"`
	Digest   string `json:"gaps_digest"`
}

// Restoral is the detail of an entry "restored": the head of the log in the backup, and which store it replaced.
type Restoral struct {
	By       string `json:"by"`
	Head     Anchor `json:"backup_head"`
	Replaced string `json:"replaced,omitempty"`
}

// Digest makes the digest over gaps, in their order.
type Digest struct {
	sum hash.Hash
	n   int
}

// NewDigest makes the digest of no gaps.
func NewDigest() *Digest { return &Digest{sum: sha256.New()} }

// Add takes the next gap in.
func (d *Digest) Add(g Gap) {
	fmt.Fprintf(d.sum, "%d %d %s %s\n", g.First, g.Last, g.PrevHash, g.Hash) // a hash takes everything
	d.n++
}

// Sum is the digest in hex, and of how many gaps it is.
func (d *Digest) Sum() (digest string, gaps int) { return hex.EncodeToString(d.sum.Sum(nil)), d.n }

// Anchor is the head of the log at some time: kept elsewhere, it tells later whether the log still has all that it had.
type Anchor struct {
	ID   int64  `json:"id"`
	Hash string `json:"hash"`
}

// String is how an anchor is printed and read: ID:HASH.
func (a Anchor) String() string { return fmt.Sprintf("%d:%s", a.ID, a.Hash) }

// ParseAnchor reads ID:HASH.
func ParseAnchor(text string) (Anchor, error) {
	id, sum, _ := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseInt(id, 10, 64)
	raw, hexErr := hex.DecodeString(sum)
	if err != nil || n < 1 || hexErr != nil || len(raw) != sha256.Size {
		return Anchor{}, fmt.Errorf("%q is no head of a log: it is ID:HASH as aliasd log verify prints it", text)
	}
	return Anchor{ID: n, Hash: strings.ToLower(sum)}, nil
}
