package directory

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/site"
)

// netBIOS is the domain's short name.
const netBIOS = "CONTOSO"

// Sub-codes in the text of a refused bind: Windows errors (MS-ERREF), in the hexadecimal that "data" shows.
const (
	dataNoUser          = 0x525
	dataCredentials     = 0x52e
	dataHours           = 0x530
	dataWorkstation     = 0x531
	dataPasswordExpired = 0x532
	dataDisabled        = 0x533
	dataExpired         = 0x701
	dataMustChange      = 0x773
	dataLocked          = 0x775
)

// Flags of userAccountControl (MS-ADTS 2.2.16).
const (
	uacDisabled        = 0x2
	uacPasswordExpired = 0x800000
)

// bind makes the connection that of an account. Whatever is refused leaves it anonymous. A name without a password is an
// unauthenticated bind (RFC 4513, 5.1.2), which AD lets pass as anonymous: a trap that clients have to avoid themselves.
func (s *session) bind(request *wire.Bind) error {
	s.account = account{}
	if request.Mechanism != "" || request.UnknownAuthenticator {
		return &store.Refusal{Code: ldap.LDAPResultAuthMethodNotSupported,
			Text: "00002027: LdapErr: DSID-0C090593, comment: Invalid authentication method, data 0"}
	}
	if request.Password == "" {
		return nil
	}
	bound, err := s.directory.authenticate(request.Name, request.Password)
	s.account = bound
	return err
}

// authenticate checks a password and what else keeps an account from binding, and counts wrong ones.
func (d *Directory) authenticate(name, password string) (account, error) {
	d.bindMu.Lock()
	defer d.bindMu.Unlock()
	dn, ok := d.find(name)
	if !ok {
		return account{}, refusedBind(dataNoUser)
	}
	if d.number(dn, "lockoutTime") > 0 {
		return account{}, refusedBind(dataLocked)
	}
	if kept := d.store.Get(dn, "unicodePwd"); len(kept) == 0 || kept[0] != password {
		d.countWrong(dn)
		return account{}, refusedBind(dataCredentials)
	}
	if data := d.hindrance(dn); data != 0 {
		return account{}, refusedBind(data)
	}
	d.store.Set(dn, map[string][]string{"badPwdCount": {"0"}})
	sam := d.store.Get(dn, "sAMAccountName")[0]
	return account{name: sam, role: roleOf(sam)}, nil
}

// refusedBind speaks as a domain controller does, the NUL at the end included.
func refusedBind(data int) error {
	return &store.Refusal{Code: ldap.LDAPResultInvalidCredentials,
		Text: fmt.Sprintf("80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data %x, v4563\x00", data)}
}

// find gives the DN of the account that a bind names: by DN, by UPN, the implicit one (account@domain) included, or as
// DOMAIN\account (MS-ADTS 5.1.1.1.1).
func (d *Directory) find(name string) (string, bool) {
	var dns []string
	switch user, domain, isUPN := strings.Cut(name, "@"); {
	case strings.HasPrefix(strings.ToUpper(name), netBIOS+`\`):
		dns = d.store.Find("sAMAccountName", name[len(netBIOS)+1:])
	case isUPN && !strings.Contains(name, "="):
		dns = d.store.Find("userPrincipalName", name)
		if len(dns) == 0 && strings.EqualFold(domain, site.Domain) {
			dns = d.store.Find("sAMAccountName", user)
		}
	default:
		dns = []string{name}
	}
	if len(dns) != 1 || len(d.store.Get(dns[0], "sAMAccountName")) == 0 {
		return "", false
	}
	return dns[0], true
}

// hindrance is what keeps an account from binding although the password is right; 0 for nothing.
func (d *Directory) hindrance(dn string) int {
	control := d.number(dn, "userAccountControl")
	now, _ := strconv.ParseInt(store.FileTime(d.options.Now()), 10, 64)
	expires := d.number(dn, "accountExpires")
	hours := d.store.Get(dn, "logonHours")
	switch {
	case control&uacDisabled != 0:
		return dataDisabled
	case expires > 0 && expires <= now:
		return dataExpired
	case len(hours) > 0 && !withinHours(hours[0], d.options.Now()):
		return dataHours
	case len(d.store.Get(dn, "userWorkstations")) > 0:
		return dataWorkstation
	case control&uacPasswordExpired != 0:
		return dataPasswordExpired
	case d.number(dn, "pwdLastSet") == 0:
		return dataMustChange
	default:
		return 0
	}
}

// withinHours reads logonHours: one bit for each hour of the week, from Sunday 0:00 UTC (MS-SAMR 2.2.6.5).
func withinHours(hours string, now time.Time) bool {
	now = now.UTC()
	hour := int(now.Weekday())*24 + now.Hour()
	return hour/8 < len(hours) && hours[hour/8]>>(hour%8)&1 == 1
}

func (d *Directory) number(dn, attribute string) int64 {
	kept := d.store.Get(dn, attribute)
	if len(kept) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(kept[0], 10, 64) // the syntax was checked when it was written
	return n
}

func (d *Directory) countWrong(dn string) {
	count := d.number(dn, "badPwdCount") + 1
	now := store.FileTime(d.options.Now())
	next := map[string][]string{"badPwdCount": {strconv.FormatInt(count, 10)}, "badPasswordTime": {now}}
	if count >= int64(d.options.LockoutThreshold) {
		next["lockoutTime"] = []string{now}
	}
	d.store.Set(dn, next)
}

// WrongPasswords is how many wrong passwords were given for an account, by its sAMAccountName, since the last right one
// (badPwdCount).
func (d *Directory) WrongPasswords(account string) int {
	dn, ok := d.find(netBIOS + `\` + account)
	if !ok {
		return 0
	}
	return int(d.number(dn, "badPwdCount"))
}

// Locked says whether wrong passwords have locked an account, by its sAMAccountName (lockoutTime).
func (d *Directory) Locked(account string) bool {
	dn, ok := d.find(netBIOS + `\` + account)
	return ok && d.number(dn, "lockoutTime") > 0
}
