// Package cause holds the stable codes that say why a request is not verified: refused, waiting, contradicted or
// failed. They are a contract with everybody who reads aliasd's API, reports and logs: a code is never renamed,
// and each has a page in docs/causes/.
//
// The package names reasons. It decides nothing, and imports nothing of ours.
package cause

import (
	"errors"
	"fmt"
)

// Code is one stable cause code, as it stands in JSON.
type Code string

// Refusals: nothing was written and nothing will be.
const (
	InvalidAddress    Code = "invalid_address"
	ReservedSuffix    Code = "reserved_suffix"
	UnknownHolder     Code = "unknown_holder"
	AmbiguousHolder   Code = "ambiguous_holder"
	DomainNotVerified Code = "domain_not_verified" // also a contradiction
	HeldOnPremises    Code = "held_on_premises"
	HeldInCloud       Code = "held_in_cloud"
	HeldByDeleted     Code = "held_by_deleted" // also a contradiction
	AddressBusy       Code = "address_busy"
	IsPrimary         Code = "is_primary"
	IsUPN             Code = "is_upn"
	PrimaryUnclear    Code = "primary_unclear"
	NoPrimary         Code = "no_primary" // also a finding
	WouldMailEnable   Code = "would_mail_enable"
	WouldLoseAddress  Code = "would_lose_address"
	SignInChange      Code = "sign_in_change"
	CloudManaged      Code = "cloud_managed" // also a contradiction
	NoRights          Code = "no_rights"
	ChangedSince      Code = "changed_since"
	EqualValue        Code = "equal_value"
)

// Waitings before the write: the request stays queued and is tried again.
const (
	DirectoryUnavailable Code = "directory_unavailable"
	DCUnavailable        Code = "dc_unavailable"
	CloudUnavailable     Code = "cloud_unavailable"
	AddressReleasing     Code = "address_releasing"
	BehindRequest        Code = "behind_request"
	Paused               Code = "paused"
	OverCap              Code = "over_cap"
	Paced                Code = "paced"
	DryRun               Code = "dry_run"
	NeedsApproval        Code = "needs_approval"
)

// Waitings after the write: the directory has the change, the cloud does not show it yet. NotSyncedYet and
// SyncStopped are also said before the write, where the cloud has still to catch up with an earlier change of the holder.
const (
	NotSyncedYet     Code = "not_synced_yet"
	SyncStopped      Code = "sync_stopped"
	NotCalculatedYet Code = "not_calculated_yet"
	Throttled        Code = "throttled"
)

// Contradictions: the cloud shows something else, and will go on doing so until somebody acts.
const (
	Quarantined          Code = "quarantined"
	ValueDiscarded       Code = "value_discarded"
	NotInCloud           Code = "not_in_cloud"
	LicenceMissing       Code = "licence_missing"
	UPNStays             Code = "upn_stays"
	ChangedOnPremises    Code = "changed_on_premises"
	ExchangePolicy       Code = "exchange_policy"
	ExportErrorSuspected Code = "export_error_suspected"
	CalculatedOtherwise  Code = "calculated_otherwise"
	Deadline             Code = "deadline"
)

// Failures: the directory said no for good, or what was written was taken back.
const (
	DirectoryRefused Code = "directory_refused"
	NotKept          Code = "not_kept"
)

// Findings of the audit and of explain alone, about a holder as it stands, whatever was asked for. Codes lists what else is
// found there.
const (
	DuplicateOnPremises Code = "duplicate_on_premises"
	TwoPrimaries        Code = "two_primaries"
	MailDiffers         Code = "mail_differs"
	TooManyAddresses    Code = "too_many_addresses"
)

// Integrity alone, of no request and no holder: the store, or a backup of it, is not as aliasd wrote it.
const StoreAltered Code = "store_altered"

// Conflict is the object that stands in the way, as far as it is known.
type Conflict struct {
	// Kind is user, group, contact, deleted_user, deleted_group or request.
	Kind string `json:"kind"`
	// ID is the objectGUID on-premises, the object id in the cloud, or the request's id.
	ID string `json:"id"`
	// Name is a person's name for it: the display name, else the DN or the UPN.
	Name string `json:"name"`
	// Address is the address in conflict as that object holds it, prefix included where it has one.
	Address string `json:"address"`
	// CloudOnly says that the object stands in the cloud and is not synchronised from on-premises (onPremisesSyncEnabled is
	// not true), so that it is changed there.
	CloudOnly bool `json:"cloud_only,omitempty"`
}

// Where follows the word "there" in a sentence: with what an object is changed that stands in the cloud only. It is "" for
// others, else begins with a blank.
func (c Conflict) Where() string {
	if c.CloudOnly {
		return " (a cloud-only object, not synchronised: in the Microsoft 365 or Exchange admin centre)"
	}
	return ""
}

// Candidate is one of several objects that an identity fits.
type Candidate struct {
	ObjectGUID string `json:"object_guid"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	DN         string `json:"dn"`
	UPN        string `json:"user_principal_name,omitempty"`
	Mail       string `json:"mail,omitempty"`
}

// Cause is why a request is where it is. Message is one public sentence with the values in it that says what to do;
// it never holds a secret.
type Cause struct {
	Code       Code        `json:"code"`
	Message    string      `json:"message"`
	Conflict   *Conflict   `json:"conflict,omitempty"`
	Candidates []Candidate `json:"candidates,omitempty"`
}

// Kind says what becomes of a request that meets a cause.
type Kind string

// What becomes of the request.
const (
	Refusal       Kind = "refusal"       // it ends, nothing written
	Waiting       Kind = "waiting"       // it is tried again
	Contradiction Kind = "contradiction" // the cloud says otherwise
	Failure       Kind = "failure"       // it ends, the directory said no
	Finding       Kind = "finding"       // no request: a holder as it stands is not in order
	Integrity     Kind = "integrity"     // no request: aliasd does not work on a store that is not as it wrote it
)

// Error is a cause on its way up: what to do with the request, the public cause, and the private error below it.
type Error struct {
	Kind  Kind
	Cause Cause
	// Err is what lies below; it goes to the log, never to the public. May be nil.
	Err error
}

// Error gives the code and the public sentence, and what lies below.
func (e *Error) Error() string {
	s := string(e.Cause.Code) + ": " + e.Cause.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the private error below, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// WithConflict names the object that stands in the way and returns e.
func (e *Error) WithConflict(c Conflict) *Error {
	e.Cause.Conflict = &c
	return e
}

// WithCandidates names the objects that an identity fits and returns e.
func (e *Error) WithCandidates(c []Candidate) *Error {
	e.Cause.Candidates = c
	return e
}

// Because keeps the private error below and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// Refuse makes a refusal with a public sentence.
func Refuse(code Code, format string, args ...any) *Error {
	return newError(Refusal, code, format, args)
}

// Wait makes a waiting with a public sentence.
func Wait(code Code, format string, args ...any) *Error {
	return newError(Waiting, code, format, args)
}

// Fail makes a failure with a public sentence.
func Fail(code Code, format string, args ...any) *Error {
	return newError(Failure, code, format, args)
}

// Distrust makes the error of a store that is not as aliasd wrote it, with a public sentence.
func Distrust(code Code, format string, args ...any) *Error {
	return newError(Integrity, code, format, args)
}

func newError(kind Kind, code Code, format string, args []any) *Error {
	return &Error{Kind: kind, Cause: Cause{Code: code, Message: fmt.Sprintf(format, args...)}}
}

// As finds the *Error in err's chain; ok is false where there is none.
func As(err error) (e *Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

// Codes lists every code with the kinds that it is used as, in the order of the design's table.
func Codes() map[Code][]Kind {
	codes := map[Code][]Kind{}
	add := func(kind Kind, list ...Code) {
		for _, c := range list {
			codes[c] = append(codes[c], kind)
		}
	}
	add(Refusal, InvalidAddress, ReservedSuffix, UnknownHolder, AmbiguousHolder, DomainNotVerified, HeldOnPremises,
		HeldInCloud, HeldByDeleted, AddressBusy, IsPrimary, IsUPN, PrimaryUnclear, NoPrimary, WouldMailEnable,
		WouldLoseAddress, SignInChange, CloudManaged, NoRights, ChangedSince, EqualValue)
	add(Waiting, DirectoryUnavailable, DCUnavailable, CloudUnavailable, AddressReleasing, BehindRequest, Paused, OverCap,
		Paced, DryRun, NeedsApproval, NotSyncedYet, SyncStopped, NotCalculatedYet, Throttled)
	add(Contradiction, Quarantined, DomainNotVerified, ValueDiscarded, NotInCloud, CloudManaged, LicenceMissing,
		UPNStays, ChangedOnPremises, ExchangePolicy, HeldByDeleted, ExportErrorSuspected, CalculatedOtherwise, Deadline)
	add(Failure, DirectoryRefused, NotKept)
	add(Finding, NoPrimary, DuplicateOnPremises, TwoPrimaries, MailDiffers, TooManyAddresses, AmbiguousHolder, NotInCloud,
		CloudManaged, Quarantined, HeldByDeleted, ExportErrorSuspected, LicenceMissing, DomainNotVerified, ValueDiscarded,
		CalculatedOtherwise, SyncStopped, NotSyncedYet, NotCalculatedYet)
	add(Integrity, StoreAltered)
	return codes
}
