package server

import (
	"encoding/json"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

// SubmissionJSON is the body of POST /v1/requests and POST /v1/validate.
type SubmissionJSON struct {
	_         struct{}            `additionalProperties:"false"`
	Holder    string              `json:"holder" minLength:"1" maxLength:"1024" example:"jdoe@contoso.test" doc:"The user, group or contact: objectGUID, UPN, primary or any other SMTP address, account name, DN or display name."`
	Action    address.Action      `json:"action" enum:"add_alias,remove_alias,set_primary" doc:"What to do. set_primary keeps the old primary as an alias and adds the address first where the holder lacks it."`
	Address   string              `json:"address" example:"j.doe@contoso.test" doc:"The bare SMTP address."`
	Ticket    string              `json:"ticket,omitempty" maxLength:"128" example:"INC1" doc:"The caller's ticket."`
	Requester string              `json:"requester,omitempty" maxLength:"256" doc:"Who asked for it."`
	Note      string              `json:"note,omitempty" maxLength:"4000" doc:"Free text."`
	Allow     []address.Allowance `json:"allow,omitempty" nullable:"false" enum:"deleted_holder,mail_enable,sign_in_change" doc:"Refusals to pass: held_by_deleted, would_mail_enable, sign_in_change."`
}

// UndoJSON is the body of POST /v1/requests/{id}/undo; it may be left out.
type UndoJSON struct {
	_         struct{} `additionalProperties:"false"`
	Ticket    string   `json:"ticket,omitempty" maxLength:"128" doc:"The caller's ticket."`
	Requester string   `json:"requester,omitempty" maxLength:"256" doc:"Who asked for it."`
	Note      string   `json:"note,omitempty" maxLength:"4000" doc:"Free text."`
}

// NothingJSON is the body of calls that need none: empty, or an empty object.
type NothingJSON struct {
	_ struct{} `additionalProperties:"false"`
}

// RequestJSON is a request as the API shows it. Times are RFC 3339 in UTC; what is not known yet is left out.
type RequestJSON struct {
	ID           queue.RequestID `json:"id" doc:"UUID of version 7."`
	State        queue.State     `json:"state" enum:"accepted,queued,held,writing,written,verified,mismatched,superseded,refused,failed,cancelled"`
	Cause        *cause.Cause    `json:"cause,omitempty" doc:"Why the request is where it is; absent when there is nothing to say."`
	Holder       string          `json:"holder" doc:"The holder as it was named."`
	ObjectGUID   string          `json:"object_guid,omitempty" doc:"The holder's objectGUID, once it is resolved."`
	Action       address.Action  `json:"action" enum:"add_alias,remove_alias,set_primary,undo"`
	Address      address.Address `json:"address,omitempty" doc:"Absent for an undo."`
	Undoes       queue.RequestID `json:"undoes,omitempty" doc:"The request that an undo takes back."`
	SupersededBy queue.RequestID `json:"superseded_by,omitempty" doc:"The later request that changed the same address, or took this one back."`
	Ticket       string          `json:"ticket,omitempty"`
	Requester    string          `json:"requester,omitempty"`
	SubmittedBy  string          `json:"submitted_by" doc:"The name of the token that it came with; aliasd (late write) is aliasd itself."`
	Note         string          `json:"note,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
	UpdatedAt    time.Time       `json:"updated_at"`
	WrittenAt    time.Time       `json:"written_at,omitzero" doc:"When it stood in the directory; where nothing had to be written, when that was seen."`
	VerifiedAt   time.Time       `json:"verified_at,omitzero" doc:"When the cloud showed it."`
	Receipt      *ReceiptJSON    `json:"receipt,omitempty" doc:"What was written, or that nothing had to be."`
	Cloud        *CloudJSON      `json:"cloud,omitempty" doc:"What the cloud showed last."`
	Events       []EventJSON     `json:"events,omitempty" nullable:"false" doc:"Its story, oldest first: the newest events, or those before events_cursor. Only where one request is read."`
	EventsCursor int64           `json:"events_cursor,omitempty" doc:"Where there are earlier events than these: ?events_cursor= with it gives them."`
	ReleasedBy   string          `json:"released_by,omitempty" doc:"The name of the token that released it when it was held; no cap holds it again."`
	Notes        []string        `json:"notes,omitempty" nullable:"false" doc:"What was noticed about the holder while planning."`
}

// ValuesJSON are a holder's two attributes. An absent mail is "", absent proxy addresses are an empty list.
type ValuesJSON struct {
	Mail           string          `json:"mail"`
	ProxyAddresses []address.Proxy `json:"proxy_addresses" nullable:"false" doc:"Byte for byte; SMTP: in upper case is the primary."`
}

// ReceiptJSON is what was written, as the DC showed it right after.
type ReceiptJSON struct {
	DC         string     `json:"dc" doc:"The DC that was written to."`
	USNChanged int64      `json:"usn_changed" doc:"The holder's uSNChanged on that DC."`
	Before     ValuesJSON `json:"before"`
	After      ValuesJSON `json:"after"`
	// NothingWritten says that the directory had it already.
	NothingWritten bool `json:"nothing_written,omitempty" doc:"true where nothing had to be written: the directory had it already. Absent otherwise."`
}

// CloudJSON is what the cloud showed of a holder.
type CloudJSON struct {
	ID string `json:"id" doc:"The object id in Entra."`
	ValuesJSON
	CheckedAt time.Time `json:"checked_at"`
}

// EventJSON is one step of a request. From and To are the same where something was recorded and the state stayed.
type EventJSON struct {
	At    time.Time    `json:"at"`
	From  queue.State  `json:"from,omitempty"`
	To    queue.State  `json:"to"`
	What  string       `json:"what,omitempty" doc:"Names the step: accepted, resolved, claimed, intent, written, nothing to write, retry, verdict, cancelled, released, …"`
	By    string       `json:"by,omitempty" doc:"Who asked for it, where somebody did: the name of the token that cancelled, released or woke (asked to look again)."`
	Cause *cause.Cause `json:"cause,omitempty"`
}

// PageJSON is a page of requests, newest first.
type PageJSON struct {
	Items      []RequestJSON `json:"items" nullable:"false"`
	NextCursor string        `json:"next_cursor,omitempty" doc:"Absent on the last page."`
}

// ChangeJSON is the exact modification that a request needs.
type ChangeJSON struct {
	Delete []address.Proxy     `json:"delete" nullable:"false"`
	Add    []address.Proxy     `json:"add" nullable:"false"`
	Mail   *address.MailChange `json:"mail,omitempty" doc:"Absent where mail stays."`
}

// PreviewJSON is what would become of a submission now; nothing is stored.
type PreviewJSON struct {
	OK        bool          `json:"ok"`
	Refusals  []cause.Cause `json:"refusals" nullable:"false"`
	Plan      *ChangeJSON   `json:"plan,omitempty" doc:"Absent where it would be refused; empty lists where there is nothing to write."`
	Notes     []string      `json:"notes,omitempty" nullable:"false" doc:"What was noticed about the holder while planning."`
	Predicted *ValuesJSON   `json:"predicted,omitempty" doc:"What the cloud would show after the write."`
}

// PauseJSON says whether all writing is stopped.
type PauseJSON struct {
	Paused bool      `json:"paused"`
	Since  time.Time `json:"since,omitzero"`
	By     string    `json:"by,omitempty" doc:"The name of the token that stopped it."`
	// BeingWritten is what may still reach the directory: its intent was stored before.
	BeingWritten int `json:"being_written" doc:"Requests whose modify may have been sent before the stop and has no answer yet. Once it is 0, nothing reaches the directory any more."`
}

// RequestOf shows a request; events may be nil.
func RequestOf(r queue.Request, events []queue.Event) RequestJSON {
	out := RequestJSON{
		ID: r.ID, State: r.State, Cause: r.Cause, Holder: r.Holder, Action: r.Action, Address: r.Address, Undoes: r.Undoes,
		SupersededBy: r.SupersededBy, Ticket: r.Ticket, Requester: r.Requester, SubmittedBy: r.SubmittedBy, Note: r.Note,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), WrittenAt: r.WrittenAt.UTC(), VerifiedAt: r.VerifiedAt.UTC(),
		ReleasedBy: r.ReleasedBy, Notes: r.Notes,
	}
	if r.Object != (address.GUID{}) {
		out.ObjectGUID = r.Object.String()
	}
	if r.Receipt != nil {
		out.Receipt = &ReceiptJSON{DC: r.Receipt.DC, USNChanged: r.Receipt.USNChanged,
			Before: valuesOf(r.Receipt.Before), After: valuesOf(r.Receipt.After), NothingWritten: r.WroteNothing()}
	}
	if r.Seen != nil {
		out.Cloud = &CloudJSON{ID: r.Seen.ID, ValuesJSON: valuesOf(r.Seen.Values), CheckedAt: r.Seen.CheckedAt.UTC()}
	}
	for _, e := range events {
		out.Events = append(out.Events, EventJSON{At: e.At.UTC(), From: e.From, To: e.To, What: e.What, By: askedBy(e), Cause: e.Cause})
	}
	return out
}

// withEvents shows a request with as many of its events at most; those given are one more where there are earlier ones.
func withEvents(r queue.Request, events []queue.Event, most int) RequestJSON {
	shown := events[max(len(events)-most, 0):]
	out := RequestOf(r, shown)
	if len(shown) < len(events) {
		out.EventsCursor = shown[0].ID
	}
	return out
}

// askedBy is the token of a step that somebody asked for, "" for any other.
func askedBy(e queue.Event) string {
	var detail struct {
		By string `json:"by"`
	}
	switch e.What {
	case "cancelled", "released", "woken":
		// A detail that is none says nobody.
		_ = json.Unmarshal(e.Detail, &detail)
	}
	return detail.By
}

func pageOf(page []queue.Request, next string) PageJSON {
	out := PageJSON{Items: make([]RequestJSON, 0, len(page)), NextCursor: next}
	for _, r := range page {
		out.Items = append(out.Items, RequestOf(r, nil))
	}
	return out
}

func valuesOf(v address.Values) ValuesJSON {
	return ValuesJSON{Mail: v.Mail, ProxyAddresses: listOf(v.Proxies)}
}

func previewOf(p queue.Preview) PreviewJSON {
	out := PreviewJSON{OK: p.OK, Refusals: listOf(p.Refusals), Notes: p.Plan.Notes}
	if p.OK {
		change := p.Plan.Change
		out.Plan = &ChangeJSON{Delete: listOf(change.Delete), Add: listOf(change.Add), Mail: change.Mail}
	}
	if p.Predicted != nil {
		predicted := valuesOf(*p.Predicted)
		out.Predicted = &predicted
	}
	return out
}

// listOf copies a list; where it is nil, JSON shall have [] and not null.
func listOf[T any](list []T) []T { return append([]T{}, list...) }
