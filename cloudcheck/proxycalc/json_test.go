package proxycalc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
)

// TestJSON holds the names that people and programs see.
func TestJSON(t *testing.T) {
	t.Parallel()
	in := `{
		"tenant": {"initial_domain": "contoso.onmicrosoft.com", "verified_domains": ["contoso.com"], "taken_addresses": ["x@contoso.com"]},
		"holder": {"kind": "user", "user_principal_name": "u@contoso.com", "mail": "m@contoso.com", "mail_nickname": "u",
			"proxy_addresses": ["SMTP:a@contoso.com", "smtp:x@contoso.com"], "exchange_licensed": true, "remote_recipient": false, "shared_mailbox": false},
		"previous": {"mail": "a@contoso.com", "mail_nickname": "u", "user_principal_name": "u@contoso.com",
			"on_premises_user_principal_name": "u@contoso.com", "proxy_addresses": ["SMTP:a@contoso.com"], "exchange_licensed": true}}`
	var asked struct {
		Tenant   proxycalc.Tenant    `json:"tenant"`
		Holder   proxycalc.Holder    `json:"holder"`
		Previous *proxycalc.Previous `json:"previous"`
	}
	decoder := json.NewDecoder(strings.NewReader(in))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(proxycalc.Calculate(asked.Tenant, asked.Holder, asked.Previous))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"mail":"a@contoso.com","mail_nickname":"u","user_principal_name":"u@contoso.com",` +
		`"proxy_addresses":["SMTP:a@contoso.com","smtp:u@contoso.com","smtp:u@contoso.onmicrosoft.com"],"mail_enabled":true,` +
		`"discarded":[{"value":"smtp:x@contoso.com","reason":"taken"}],"assumptions":[]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestEmptyLists: absent values print as "" and [], never as null.
func TestEmptyLists(t *testing.T) {
	t.Parallel()
	for _, kind := range []address.Kind{address.User, address.Group, address.Contact} {
		got, err := json.Marshal(proxycalc.Calculate(proxycalc.Tenant{}, proxycalc.Holder{Kind: kind}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(got), "null") {
			t.Errorf("%s prints null: %s", kind, got)
		}
	}
}
