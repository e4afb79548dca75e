package queue

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/ldapwriter"
)

// RequestID names a request: a UUID of version 7 (RFC 9562), so that ids sort by the time of acceptance.
type RequestID string

// Submission is what somebody asks for, as it came in: its syntax was checked, nothing else.
type Submission struct {
	Holder    string          `json:"holder"` // any identity: GUID, UPN, SMTP address, account name, DN, display name
	Action    address.Action  `json:"action"`
	Address   address.Address `json:"address"`          // empty for undo
	Undoes    RequestID       `json:"undoes,omitempty"` // for undo
	Ticket    string          `json:"ticket,omitempty"`
	Requester string          `json:"requester,omitempty"`
	Note      string          `json:"note,omitempty"`
	// Allow is what the request says it wants all the same.
	Allow []address.Allowance `json:"allow,omitempty"`
	// SubmittedBy is the name of the token that it came with.
	SubmittedBy string `json:"submitted_by"`
}

// words is what is asked, for a sentence: add_alias of a@contoso.com for jdoe.
func (s Submission) words() string {
	if s.Address == "" {
		return string(s.Action) + " for " + s.Holder
	}
	return string(s.Action) + " of " + string(s.Address) + " for " + s.Holder
}

// Check refuses text that not every store keeps as it is, with ErrInvalid: bytes that are no UTF-8, and the character NUL. A
// store calls it before anything else.
func (s Submission) Check(key Idempotency) error {
	for name, text := range map[string]string{
		"holder": s.Holder, "action": string(s.Action), "address": string(s.Address), "undoes": string(s.Undoes), "ticket": s.Ticket,
		"requester": s.Requester, "note": s.Note, "the submitter": s.SubmittedBy, "the idempotency key": key.Key + key.Digest,
	} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Errorf("%w: %s has bytes that are no text", ErrInvalid, name)
		}
	}
	return nil
}

// Idempotency is the caller's key for one submission; it holds per token for 7 days.
type Idempotency struct {
	Key string // empty: none was given
	// Digest is the SHA-256 of the submission's canonical form: the same key with another digest is ErrKeyReused.
	Digest string
}

// Request is one asked change to one holder's addresses, and all that became of it.
type Request struct {
	ID RequestID
	// Seq is the order of acceptance, 1 and up, without doubles.
	Seq int64
	Submission
	State State
	// Cause says why it is where it is; nil when there is nothing to say.
	Cause *cause.Cause
	// Object is the holder's objectGUID once it was resolved, zero before.
	Object address.GUID
	// CloudID is the holder's id in Graph once it was seen there.
	CloudID string
	// Attempts counts the tries of the current step; NotBefore is when the next may start.
	Attempts  int
	NotBefore time.Time
	// Owner and LeaseUntil are the node that has it in writing, and until when.
	Owner      string
	LeaseUntil time.Time
	// Intent is stored before a modify is sent, and stays: it tells a later owner what may have been written.
	Intent *Intent
	// Receipt is what was written; nil until then.
	Receipt *ldapwriter.Receipt
	// Expectation is what the cloud must show; set with the receipt.
	Expectation *cloudcheck.Expectation
	// Seen is what the cloud showed last; nil before the first look.
	Seen *cloudcheck.Seen
	// LastSyncSeen and SyncMoves are the sweeps' memory (cloudcheck.Case).
	LastSyncSeen time.Time
	SyncMoves    int
	// SupersededBy is the later request that changed the same address, or took this one back.
	SupersededBy RequestID
	// ReleasedBy is the administrator who let it go when it was held; a cap does not hold it again.
	ReleasedBy string
	Notes      []string // what was noticed about the holder while planning
	CreatedAt  time.Time
	UpdatedAt  time.Time
	WrittenAt  time.Time
	VerifiedAt time.Time
}

// WroteNothing says that the request is in the directory as it was asked for without a write of ours. It is false where an
// earlier modify may have brought that about.
func (r Request) WroteNothing() bool {
	return r.Receipt != nil && r.Receipt.Change.Empty() && !r.Doubt().Exists()
}

// Intent is what a node is about to write. It is durable before the modify is sent.
type Intent struct {
	DC     string         `json:"dc"`
	Before address.Values `json:"before"`
	Change address.Change `json:"change"`
	// USNChanged is the entry's uSNChanged on DC before the modify: the same later means that nothing was written.
	USNChanged int64 `json:"usn_changed"`
	// Sent says that the modify may have reached the DC: set by the journal entry right before it is sent, and cleared
	// only by an answer.
	Sent bool `json:"sent"`
	// Until is when the modify can have landed at the latest; zero where it was stored by a version that did not say (Doubt).
	Until time.Time `json:"until,omitzero"`
	// TakenBack says that a modify was sent too that takes it back, and that nobody had an answer to: it may land until Until.
	TakenBack bool `json:"taken_back,omitempty"`
	// Earlier is the intent in doubt before this one: what becomes of this one says nothing of it.
	Earlier *Intent `json:"earlier,omitempty"`
	// At is when it was stored, right before the modify was sent.
	At          time.Time              `json:"at"`
	Expectation cloudcheck.Expectation `json:"expectation"`
}

// Event is one entry of the append-only log of a request. Hash is the hex SHA-256 over PrevHash and the entry's
// canonical JSON, so that the log as a whole is a chain.
type Event struct {
	ID        int64
	RequestID RequestID
	At        time.Time
	From, To  State // the same where only something was recorded (intent, retry)
	Cause     *cause.Cause
	Node      string
	// What names the step: accepted, resolved, claimed, intent, written, nothing to write, retry, verdict, cancelled, released, …
	What string
	// Detail is JSON of what the step recorded (intent, receipt, what the cloud showed); null when nothing.
	Detail []byte
	// Kept is what the store keeps after the step, as digests. Earlier versions recorded none.
	Kept     Kept
	PrevHash string
	Hash     string
}

// Kept are the digests of the rows that a step has left in the store. The hash of the entry covers them, so that a row that is changed
// by hand later is found, whichever of its columns that is. An empty field says nothing of that row.
type Kept struct {
	// Row is the row that the entry is about: the request with its claims, the token, or the stop switch.
	Row string `json:"row,omitempty"`
	// Key is the idempotency key that the request came with.
	Key string `json:"key,omitempty"`
	// KeyOf is an earlier request that came with that key, for which it holds no more.
	KeyOf RequestID `json:"key_of,omitempty"`
	// Spent is the request's share of the caps.
	Spent string `json:"spent,omitempty"`
}

// Gone stands in Kept for a row that the step has removed.
const Gone = "gone"
