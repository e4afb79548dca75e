package address

import (
	"fmt"
	"strings"

	"github.com/aliasd/aliasd/cause"
)

// implicit is the primary of a holder whose proxyAddresses names none: what the cloud made of mail, the UPN or its own
// routing address. proxyAddresses masks mail and the UPN as soon as it holds anything, so a primary that rests on one
// of them must be named before anything else is added.
type implicit struct {
	// address has to be named so that it stays; "" where nothing has to be.
	address Address
	// routing says that the MOERA is the primary: it stays by itself.
	routing bool
	// none says why there is no primary at all.
	none string
}

// implicitPrimary tells the primary where proxyAddresses names none. Its errors are Refuse(primary_unclear) and
// Wait(not_synced_yet).
func (s Situation) implicitPrimary() (implicit, error) {
	if !s.Cloud.InCloud {
		return s.implicitBeforeSync(), nil
	}
	if shown := s.Cloud.Proxies.Primaries(); len(shown) > 1 {
		return implicit{}, cause.Refuse(cause.PrimaryUnclear,
			"the cloud shows %d primaries for %s (%s) and the directory names none: name the right one as SMTP: in proxyAddresses, then ask again",
			len(shown), s.name(), list(shown))
	}
	return s.implicitInCloud(s.shownPrimary())
}

// implicitInCloud judges the primary that the cloud shows, "" for none.
func (s Situation) implicitInCloud(shown Address) (implicit, error) {
	switch {
	case shown != "" && s.isRouting(shown):
		return s.implicitRouting(shown)
	case s.mailDisagrees(shown), s.outdated(shown):
		return implicit{}, s.unsettled(shown)
	case shown == "":
		return implicit{none: "the cloud shows none, and mail on-premises makes none"}, nil
	case discarded(shown):
		return implicit{}, cause.Refuse(cause.PrimaryUnclear,
			"the cloud shows %q as the primary of %s, which Entra ID would discard if it came from the directory: name another one as SMTP: in proxyAddresses, then ask again",
			shown, s.name())
	}
	return implicit{address: shown}, nil
}

// implicitRouting: the MOERA needs no naming. But a mail that survives would have become the primary at the last
// calculation, had it been there: then the cloud's word is not the last one.
func (s Situation) implicitRouting(shown Address) (implicit, error) {
	mail := Address(s.Holder.Mail)
	mayCount := mail != "" && s.MailSurvives && !mail.Equal(shown) && !s.masked()
	if mayCount && (s.SyncDue || s.SyncUnknown || len(s.Holder.Proxies) == 0) {
		return implicit{}, s.unsettled(shown)
	}
	return implicit{routing: true}, nil
}

// implicitBeforeSync: mail will be the primary once the holder arrives in the cloud, if nothing masks or discards it.
func (s Situation) implicitBeforeSync() implicit {
	mail := Address(s.Holder.Mail)
	switch {
	case mail == "":
		return implicit{none: "it is not in the cloud yet and mail on-premises is empty"}
	case s.masked():
		return implicit{none: fmt.Sprintf("it is not in the cloud yet, and mail %q does not count beside the values of proxyAddresses", mail)}
	case !s.MailSurvives || discarded(mail):
		return implicit{none: fmt.Sprintf("it is not in the cloud yet, and Entra ID would discard its mail %q", mail)}
	}
	return implicit{address: mail}
}

// mailDisagrees says whether AD mail speaks for another primary than the cloud shows. A masked mail speaks for none where
// the cloud shows none either.
func (s Situation) mailDisagrees(shown Address) bool {
	mail := Address(s.Holder.Mail)
	if mail == "" || mail.Equal(shown) {
		return false
	}
	return shown != "" || !s.masked()
}

// outdated says whether the primary that the cloud shows may rest on what was just taken away on-premises: nothing there speaks for
// it, and the cloud has still to catch up, or may have.
func (s Situation) outdated(shown Address) bool {
	isUPN := s.Holder.Kind == User && (shown.Equal(Address(s.Holder.UPN)) || shown.Equal(Address(s.Cloud.UPN)))
	return (s.SyncDue || s.SyncUnknown) && shown != "" && s.Holder.Mail == "" && len(s.Holder.Proxies.Find(shown)) == 0 && !isUPN
}

// unsettled is the error for a mail and a cloud that do not agree.
func (s Situation) unsettled(shown Address) error {
	cloud := "no primary"
	if shown != "" {
		cloud = fmt.Sprintf("the primary %q", shown)
	}
	if s.SyncDue {
		return cause.Wait(cause.NotSyncedYet,
			"mail of %s is %q on-premises and the cloud still shows %s: this goes on by itself when the cloud has caught up",
			s.name(), s.Holder.Mail, cloud)
	}
	return cause.Refuse(cause.PrimaryUnclear,
		"mail of %s is %q on-premises but the cloud shows %s, so it cannot be told which one to keep: name the right one as SMTP: in proxyAddresses or correct mail, then ask again",
		s.name(), s.Holder.Mail, cloud)
}

// shownPrimary is the primary that the cloud shows, "" where it shows none.
func (s Situation) shownPrimary() Address {
	for _, p := range s.Cloud.Proxies.Primaries() {
		return p.Address()
	}
	return ""
}

// masked says whether proxyAddresses holds SMTP values, beside which mail does not count. Whether values of other types
// mask it too is not documented, so nothing here relies on either.
func (s Situation) masked() bool { return len(s.Holder.Proxies.SMTP()) > 0 }

// isRouting says whether a is a MOERA: in the initial domain or any other onmicrosoft.com domain, but not in a hybrid
// coexistence domain.
func (s Situation) isRouting(a Address) bool {
	domain := a.Domain()
	if domain != "" && domain == lower(s.InitialDomain) {
		return true
	}
	return strings.HasSuffix(domain, routingSuffix) && !strings.HasSuffix(domain, coexistenceSuffix)
}

// discarded says whether Entra discards a for its form when it comes from the directory.
func discarded(a Address) bool { return a.reserved() || checkSyntax(string(a)) != nil }
