package mirror

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// body is an object as it stands in the file: JSON with short names, and nothing that is absent.
type body struct {
	ID       string          `json:"i"`
	Kind     address.Kind    `json:"k"`
	Name     string          `json:"n,omitempty"`
	UPN      string          `json:"u,omitempty"`
	OnPrem   string          `json:"o,omitempty"`
	Nickname string          `json:"c,omitempty"`
	Mail     string          `json:"m,omitempty"`
	Proxies  []address.Proxy `json:"p,omitempty"`
	Anchor   string          `json:"a,omitempty"`
	SID      string          `json:"s,omitempty"`
	Synced   *bool           `json:"y,omitempty"`
	LastSync int64           `json:"l,omitempty"` // microseconds since 1970
	Errors   []bodyError     `json:"e,omitempty"`
	Licensed bool            `json:"x,omitempty"`
}

type bodyError struct {
	Category string `json:"c"`
	Property string `json:"p"`
	Value    string `json:"v"`
	Occurred int64  `json:"o,omitempty"`
}

func encode(o *cloudcheck.Object) ([]byte, error) {
	b := body{
		ID: o.ID, Kind: o.Kind, Name: o.Name, UPN: o.UPN, OnPrem: o.OnPremUPN, Nickname: o.Nickname, Mail: o.Mail,
		Proxies: o.Proxies, Anchor: o.ImmutableID, SID: o.SID, Synced: o.SyncEnabled, LastSync: micros(o.LastSync),
		Licensed: o.ExchangeLicensed,
	}
	for _, e := range o.Errors {
		b.Errors = append(b.Errors, bodyError{Category: e.Category, Property: e.Property, Value: e.Value, Occurred: micros(e.Occurred)})
	}
	return json.Marshal(&b)
}

func decode(raw []byte) (*cloudcheck.Object, error) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	o := &cloudcheck.Object{
		ID: b.ID, Kind: b.Kind, Name: b.Name, UPN: b.UPN, OnPremUPN: b.OnPrem, Nickname: b.Nickname,
		Values:      address.Values{Mail: b.Mail, Proxies: b.Proxies},
		ImmutableID: b.Anchor, SID: b.SID, SyncEnabled: b.Synced, LastSync: instant(b.LastSync), ExchangeLicensed: b.Licensed,
	}
	for _, e := range b.Errors {
		o.Errors = append(o.Errors, cloudcheck.ProvisioningError{Category: e.Category, Property: e.Property, Value: e.Value, Occurred: instant(e.Occurred)})
	}
	return o, nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
