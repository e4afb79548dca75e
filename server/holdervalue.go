package server

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// HolderValueJSON is one value of a holder on the three sides. A side that does not have it is "".
type HolderValueJSON struct {
	Attribute  string              `json:"attribute" enum:"userPrincipalName,mailNickname,mail,proxyAddresses"`
	Address    string              `json:"address,omitempty" doc:"The bare address of a value of proxyAddresses, or the whole value where it is none."`
	OnPremises string              `json:"on_premises"`
	Predicted  string              `json:"predicted"`
	Cloud      string              `json:"cloud"`
	Finding    int                 `json:"finding,omitempty" doc:"The finding that explains it, counted from 1; absent where there is none."`
	Findings   []int               `json:"findings,omitempty" doc:"All findings that are about it, the worst first; absent where there is none."`
	Severity   cloudcheck.Severity `json:"severity,omitempty" enum:"wrong,pending,notice"`
	Reason     string              `json:"reason,omitempty" doc:"Why the sides differ, or why the cloud has a value that was not given."`
}

const (
	attrUPN      = "userPrincipalName"
	attrNickname = "mailNickname"
	attrMail     = "mail"
	attrProxies  = "proxyAddresses"
)

// holderValues puts the sides of a diagnosis side by side and says of each difference what explains it.
func holderValues(d cloudcheck.Diagnosis) []HolderValueJSON {
	o := d.Object
	if o == nil {
		o = &cloudcheck.Object{}
	}
	h, p := d.Holder, d.Predicted
	rows := []HolderValueJSON{
		{Attribute: attrUPN, OnPremises: h.UPN, Predicted: p.UPN, Cloud: o.UPN},
		{Attribute: attrNickname, OnPremises: h.Nickname, Predicted: p.Nickname, Cloud: o.Nickname},
		{Attribute: attrMail, OnPremises: h.Mail, Predicted: p.Mail, Cloud: o.Mail},
	}
	rows = slices.DeleteFunc(rows, HolderValueJSON.empty)
	rows = append(rows, proxyRows(h.Proxies, p.Proxies, o.Proxies)...)
	for i := range rows {
		rows[i].explain(d)
	}
	return rows
}

func (v HolderValueJSON) empty() bool {
	return v.OnPremises == "" && v.Predicted == "" && v.Cloud == ""
}

// proxyRows makes one row for each value, whatever its case: the primary first, then other SMTP values, then the rest.
func proxyRows(onPremises, predicted, cloud address.Set) []HolderValueJSON {
	rows := map[address.Key]*HolderValueJSON{}
	row := func(p address.Proxy) *HolderValueJSON {
		if rows[p.Key()] == nil {
			bare := string(p)
			if p.IsSMTP() {
				bare = string(p.Address())
			}
			rows[p.Key()] = &HolderValueJSON{Attribute: attrProxies, Address: bare}
		}
		return rows[p.Key()]
	}
	for _, p := range cloud {
		row(p).Cloud = string(p)
	}
	for _, p := range predicted {
		row(p).Predicted = string(p)
	}
	for _, p := range onPremises {
		row(p).OnPremises = string(p)
	}
	list := make([]HolderValueJSON, 0, len(rows))
	for _, r := range rows {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b HolderValueJSON) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), strings.Compare(strings.ToLower(a.Address), strings.ToLower(b.Address)))
	})
	return list
}

func (v HolderValueJSON) rank() int {
	switch any := address.Proxy(cmp.Or(v.Predicted, v.OnPremises, v.Cloud)); {
	case any.IsPrimary():
		return 0
	case any.IsSMTP():
		return 1
	}
	return 2
}

// explain names the finding that a row is about, else one that explains the difference, else why the cloud has the value.
func (v *HolderValueJSON) explain(d cloudcheck.Diagnosis) {
	at := slices.IndexFunc(d.Findings, v.isAbout)
	if at < 0 && v.differs() {
		at = slices.IndexFunc(d.Findings, explainsAll)
	}
	if at < 0 && v.differs() && v.Attribute != attrUPN {
		at = slices.IndexFunc(d.Findings, explainsRoles)
	}
	switch {
	case at >= 0:
		v.Finding, v.Severity, v.Reason = at+1, d.Findings[at].Severity, d.Findings[at].Message
		v.Findings = v.allOf(d.Findings, at)
	case v.Attribute == attrProxies && v.OnPremises == "":
		v.Reason = "not given on-premises: the cloud makes it by itself, or of mail or the user principal name"
	}
}

// allOf are the findings that are about a row, counted from 1: the one at an index, and those about this very value.
func (v *HolderValueJSON) allOf(findings []cloudcheck.Finding, at int) []int {
	var all []int
	for i, f := range findings {
		if i == at || v.isAbout(f) {
			all = append(all, i+1)
		}
	}
	return all
}

// isAbout says whether a finding is about this very value.
func (v *HolderValueJSON) isAbout(f cloudcheck.Finding) bool {
	switch f.Code {
	case cause.TwoPrimaries:
		return address.Proxy(v.OnPremises).IsPrimary()
	case cause.MailDiffers, cause.NoPrimary:
		return v.Attribute == attrMail
	case cause.DuplicateOnPremises:
		return v.has(cmp.Or(v.Address, v.OnPremises), f.Value)
	}
	switch v.Attribute {
	case attrProxies:
		return v.has(v.OnPremises, f.Value) || v.has(v.Predicted, f.Value) || v.has(v.Cloud, f.Value)
	case attrMail:
		discarded := f.Code == cause.ValueDiscarded || f.Code == cause.DomainNotVerified
		return discarded && v.has(v.OnPremises, f.Value)
	case attrUPN:
		return v.differs() && v.has(v.Predicted, f.Value)
	}
	return false
}

func (v *HolderValueJSON) has(side, value string) bool {
	return value != "" && address.Proxy(side).Key() == address.Proxy(value).Key()
}

// differs says whether the cloud shows something else than it should: the prefix counts in every letter, the rest does
// not. Of other types than SMTP nothing is asked.
func (v *HolderValueJSON) differs() bool {
	predicted, cloud := address.Proxy(v.Predicted), address.Proxy(v.Cloud)
	if v.Attribute != attrProxies {
		return predicted.Key() != cloud.Key()
	}
	if !predicted.IsSMTP() && !cloud.IsSMTP() {
		return false
	}
	return predicted.Key() != cloud.Key() || predicted.Type() != cloud.Type()
}

// explainsAll says whether a finding about the holder as a whole explains each difference of its values.
func explainsAll(f cloudcheck.Finding) bool {
	switch f.Code {
	case cause.NotInCloud, cause.CloudManaged, cause.SyncStopped, cause.NotSyncedYet, cause.NotCalculatedYet:
		return true
	case cause.ExportErrorSuspected:
		return f.Value == ""
	}
	return false
}

// explainsRoles says whether a finding is about the primary: mail and the other values follow it.
func explainsRoles(f cloudcheck.Finding) bool {
	return f.Severity != cloudcheck.Notice && address.Proxy(f.Value).IsPrimary()
}
