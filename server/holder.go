package server

import (
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// HolderView is a holder as it stands on-premises, as the proxy calculation predicts it, and as the cloud shows it.
type HolderView struct {
	ObjectGUID        string       `json:"object_guid"`
	Kind              address.Kind `json:"kind" enum:"user,group,contact"`
	Name              string       `json:"name"`
	DN                address.DN   `json:"dn"`
	UserPrincipalName string       `json:"user_principal_name,omitempty"`
	OnPremises        ValuesJSON   `json:"on_premises"`
	Predicted         *ValuesJSON  `json:"predicted,omitempty" doc:"What the cloud should show; absent where it cannot be told."`
	Cloud             *CloudJSON   `json:"cloud,omitempty" doc:"What the cloud shows; absent where it does not have the holder or could not be asked."`
	CloudCause        *cause.Cause `json:"cloud_cause,omitempty" doc:"Why there is no cloud side: not_in_cloud, cloud_unavailable, throttled."`
}

// HolderViewOf puts the sides together. Predicted, seen and missing may be nil; missing says why seen is.
func HolderViewOf(h address.Holder, predicted *address.Values, seen *cloudcheck.Seen, missing *cause.Cause) HolderView {
	view := HolderView{ObjectGUID: h.GUID.String(), Kind: h.Kind, Name: h.Name, DN: h.DN, UserPrincipalName: h.UPN,
		OnPremises: valuesOf(h.Values), CloudCause: missing}
	if predicted != nil {
		values := valuesOf(*predicted)
		view.Predicted = &values
	}
	if seen != nil {
		view.Cloud = &CloudJSON{ID: seen.ID, ValuesJSON: valuesOf(seen.Values), CheckedAt: seen.CheckedAt.UTC()}
	}
	return view
}

func pauseOf(since time.Time, by string) PauseJSON {
	if since.IsZero() {
		return PauseJSON{}
	}
	return PauseJSON{Paused: true, Since: since.UTC(), By: by}
}
