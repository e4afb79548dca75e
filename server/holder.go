package server

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
	"github.com/aliasd/aliasd/queue"
)

// HolderFacts is what is known of a holder.
type HolderFacts struct {
	// Diagnosis has the holder, and what is not in order; without the cloud's side where Tenant is nil.
	Diagnosis cloudcheck.Diagnosis
	// Tenant is nil where the cloud could not be asked; Away says why.
	Tenant *cloudcheck.Tenant
	Away   *cause.Cause
	// DuplicatesUnknown says why nobody could look for duplicates on-premises; nil where somebody did.
	DuplicatesUnknown *cause.Cause
	// Requests are the open ones, newest first.
	Requests []queue.Request
	// CloudIDs are, by objectGUID, the cloud ids of objects on-premises that stand in the way, as far as they are known.
	CloudIDs map[string]string
}

// HolderView is a holder as it stands on-premises, as the proxy calculation predicts it, and as the cloud shows it.
type HolderView struct {
	ObjectGUID        string               `json:"object_guid"`
	Kind              address.Kind         `json:"kind" enum:"user,group,contact"`
	Name              string               `json:"name"`
	DN                address.DN           `json:"dn"`
	UserPrincipalName string               `json:"user_principal_name,omitempty"`
	InOrder           bool                 `json:"in_order" doc:"Both sides were compared, and nothing is wrong and nothing pending."`
	OnPremises        OnPremisesJSON       `json:"on_premises"`
	Predicted         *PredictedJSON       `json:"predicted,omitempty" doc:"What the cloud should show; absent where it cannot be told."`
	Cloud             *CloudHolderJSON     `json:"cloud,omitempty" doc:"What the cloud shows; absent where it does not have the holder or could not be asked."`
	CloudCause        *cause.Cause         `json:"cloud_cause,omitempty" doc:"Why there is no cloud side: not_in_cloud, not_synced_yet, sync_stopped, export_error_suspected, cloud_unavailable, throttled."`
	DuplicatesCause   *cause.Cause         `json:"duplicates_cause,omitempty" doc:"Why nobody could look for other objects on-premises with the same addresses."`
	Sync              *SyncJSON            `json:"sync,omitempty" doc:"The tenant's synchronisation; absent where the cloud could not be asked."`
	Values            []HolderValueJSON    `json:"values" nullable:"false" doc:"One entry for each value on any side, side by side: the attributes, then proxyAddresses, the primary first."`
	Findings          []cloudcheck.Finding `json:"findings" nullable:"false" doc:"What is not in order, the worst first."`
	Conflicts         []HolderConflictJSON `json:"conflicts" nullable:"false" doc:"The objects that hold an address of this holder, or one that it should have."`
	Requests          []RequestJSON        `json:"requests" nullable:"false" doc:"The open requests for this holder, newest first, without their events."`
	Advice            []AdviceJSON         `json:"advice" nullable:"false" doc:"What would be done about the findings, in their order."`
}

// OnPremisesJSON is a holder in the directory.
type OnPremisesJSON struct {
	ValuesJSON
	UserPrincipalName string    `json:"user_principal_name,omitempty"`
	MailNickname      string    `json:"mail_nickname,omitempty"`
	ChangedAt         time.Time `json:"changed_at,omitzero" doc:"whenChanged of the DC that was read."`
}

// PredictedJSON is what the proxy calculation makes of a holder.
type PredictedJSON struct {
	ValuesJSON
	UserPrincipalName string                `json:"user_principal_name,omitempty"`
	MailNickname      string                `json:"mail_nickname,omitempty"`
	MailEnabled       bool                  `json:"mail_enabled"`
	Discarded         []proxycalc.Discarded `json:"discarded" nullable:"false" doc:"What does not arrive, and by which rule."`
	Assumptions       []string              `json:"assumptions" nullable:"false" doc:"What the documents leave open, and what was assumed."`
}

// CloudHolderJSON is a holder in the tenant.
type CloudHolderJSON struct {
	CloudJSON
	UserPrincipalName  string                  `json:"user_principal_name,omitempty"`
	MailNickname       string                  `json:"mail_nickname,omitempty"`
	ExchangeLicensed   bool                    `json:"exchange_licensed"`
	Synced             *bool                   `json:"synced,omitempty" doc:"onPremisesSyncEnabled of the object; absent where it is null."`
	LastSync           time.Time               `json:"last_sync,omitzero" doc:"When the sync last changed this object."`
	ProvisioningErrors []ProvisioningErrorJSON `json:"provisioning_errors" nullable:"false"`
}

// ProvisioningErrorJSON is one entry of onPremisesProvisioningErrors.
type ProvisioningErrorJSON struct {
	Category   string    `json:"category"`
	Property   string    `json:"property"`
	Value      string    `json:"value"`
	OccurredAt time.Time `json:"occurred_at,omitzero"`
}

// SyncJSON is the synchronisation of the whole tenant.
type SyncJSON struct {
	Enabled  *bool     `json:"enabled,omitempty" doc:"onPremisesSyncEnabled of the organization; absent where it is null."`
	LastSync time.Time `json:"last_sync,omitzero" doc:"onPremisesLastSyncDateTime of the organization; absent where it is null."`
	ReadAt   time.Time `json:"read_at"`
}

// HolderConflictJSON is an object that stands in a holder's way.
type HolderConflictJSON struct {
	Side    string `json:"side" enum:"on_premises,cloud"`
	Finding int    `json:"finding" doc:"The finding that names it, counted from 1."`
	cause.Conflict
	ObjectGUID string `json:"object_guid,omitempty" doc:"Its objectGUID, where that is known."`
	CloudID    string `json:"cloud_id,omitempty" doc:"Its object id in the cloud, where that is known. Two entries that have it in common are about one object."`
}

// HolderViewOf puts the sides together.
func HolderViewOf(f HolderFacts) HolderView {
	d := f.Diagnosis
	h := d.Holder
	view := HolderView{ObjectGUID: h.GUID.String(), Kind: h.Kind, Name: h.Name, DN: h.DN, UserPrincipalName: h.UPN,
		InOrder:    f.Tenant != nil && d.InOrder(),
		OnPremises: OnPremisesJSON{ValuesJSON: valuesOf(h.Values), UserPrincipalName: h.UPN, MailNickname: h.Nickname, ChangedAt: h.Changed.UTC()},
		CloudCause: f.Away, DuplicatesCause: f.DuplicatesUnknown, Values: holderValues(d), Findings: listOf(d.Findings),
		Conflicts: conflictsOf(d.Findings, f.CloudIDs), Requests: pageOf(f.Requests, "").Items, Advice: adviceOf(d, f.Tenant)}
	if f.Tenant == nil {
		return view
	}
	view.Sync = &SyncJSON{Enabled: f.Tenant.SyncEnabled, LastSync: f.Tenant.LastSync.UTC(), ReadAt: f.Tenant.ReadAt.UTC()}
	view.Predicted = predictedOf(d.Predicted)
	if d.Object == nil {
		view.CloudCause = absenceOf(d.Findings)
		return view
	}
	view.Cloud = cloudHolderOf(*d.Object, f.Tenant.ReadAt)
	return view
}

func predictedOf(r proxycalc.Result) *PredictedJSON {
	return &PredictedJSON{ValuesJSON: valuesOf(address.Values{Mail: r.Mail, Proxies: r.Proxies}), UserPrincipalName: r.UPN,
		MailNickname: r.Nickname, MailEnabled: r.MailEnabled, Discarded: listOf(r.Discarded), Assumptions: listOf(r.Assumptions)}
}

func cloudHolderOf(o cloudcheck.Object, at time.Time) *CloudHolderJSON {
	out := &CloudHolderJSON{CloudJSON: CloudJSON{ID: o.ID, ValuesJSON: valuesOf(o.Values), CheckedAt: at.UTC()},
		UserPrincipalName: o.UPN, MailNickname: o.Nickname, ExchangeLicensed: o.ExchangeLicensed, Synced: o.SyncEnabled,
		LastSync: o.LastSync.UTC(), ProvisioningErrors: []ProvisioningErrorJSON{}}
	for _, e := range o.Errors {
		out.ProvisioningErrors = append(out.ProvisioningErrors,
			ProvisioningErrorJSON{Category: e.Category, Property: e.Property, Value: e.Value, OccurredAt: e.Occurred.UTC()})
	}
	return out
}

// absenceOf is the cause of the finding that says why the cloud does not have the holder.
func absenceOf(findings []cloudcheck.Finding) *cause.Cause {
	for _, f := range findings {
		if explainsAll(f) {
			return &f.Cause
		}
	}
	return nil
}

// conflictsOf names the objects in the way by what they are called on both sides, as far as that is known.
func conflictsOf(findings []cloudcheck.Finding, cloudIDs map[string]string) []HolderConflictJSON {
	list := []HolderConflictJSON{}
	for i, f := range findings {
		if f.Conflict == nil {
			continue
		}
		c := HolderConflictJSON{Side: "cloud", Finding: i + 1, Conflict: *f.Conflict, CloudID: f.Conflict.ID}
		if f.Code == cause.DuplicateOnPremises {
			c.Side, c.ObjectGUID, c.CloudID = "on_premises", f.Conflict.ID, cloudIDs[f.Conflict.ID]
		}
		for guid, id := range cloudIDs {
			if id == c.CloudID {
				c.ObjectGUID = guid
			}
		}
		list = append(list, c)
	}
	return list
}

// PauseOf shows how the stop switch stands.
func PauseOf(since time.Time, by string, beingWritten int) PauseJSON {
	if since.IsZero() {
		return PauseJSON{BeingWritten: beingWritten}
	}
	return PauseJSON{Paused: true, Since: since.UTC(), By: by, BeingWritten: beingWritten}
}
