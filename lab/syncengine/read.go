package syncengine

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
)

// scope are the objects that the default sync rules take: users, groups and contacts, but no computers and no critical
// system objects.
const scope = "(&(|(objectClass=user)(objectClass=group)(objectClass=contact))(!(objectClass=computer))(!(isCriticalSystemObject=TRUE)))"

func attributes() []string {
	return []string{
		"objectGUID", "mS-DS-ConsistencyGuid", "objectSid", "objectClass", "cn", "displayName", "userPrincipalName", "sAMAccountName",
		"mail", "mailNickname", "proxyAddresses", "targetAddress", "msExchRemoteRecipientType", "msExchRecipientTypeDetails", "whenChanged",
	}
}

// read reads every holder in scope, page by page, as the administrator.
func (e *Engine) read(ctx context.Context) (holders []address.Holder, err error) {
	conn, err := e.site.Dial(ctx, e.site.Admin)
	if err != nil {
		return nil, fmt.Errorf("read the directory: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		err = errors.Join(err, ctx.Err(), closeOnce(conn))
	}()
	for _, base := range e.bases() {
		found, err := e.readBelow(conn, base)
		if err != nil {
			return nil, err
		}
		holders = append(holders, found...)
	}
	return holders, nil
}

// closeOnce closes a connection that may have been closed with its context.
func closeOnce(conn *ldap.Conn) error {
	if conn.IsClosing() {
		return nil
	}
	return conn.Close()
}

func (e *Engine) bases() []string {
	if e.options.OUs == nil {
		return []string{e.site.BaseDN}
	}
	var bases []string
	for _, ou := range e.options.OUs {
		bases = append(bases, e.site.DN(ou))
	}
	return bases
}

func (e *Engine) readBelow(conn *ldap.Conn, base string) ([]address.Holder, error) {
	request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, scope, attributes(), nil)
	result, err := conn.SearchWithPaging(request, e.options.PageSize)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", base, err)
	}
	holders := make([]address.Holder, 0, len(result.Entries))
	for _, entry := range result.Entries {
		values, err := readRange(conn, entry, "proxyAddresses")
		if err != nil {
			return nil, err
		}
		h, err := e.holder(entry)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			h.Proxies = append(h.Proxies, address.Proxy(v))
		}
		holders = append(holders, h)
	}
	return holders, nil
}

// readRange gives all values of an attribute, also where the server returns them in ranges (MS-ADTS 3.1.1.3.1.3.3).
func readRange(conn *ldap.Conn, entry *ldap.Entry, name string) ([]string, error) {
	values := entry.GetEqualFoldAttributeValues(name)
	for {
		next, some := rangeOf(entry, name)
		values = append(values, some...)
		if next == 0 {
			return values, nil
		}
		request := ldap.NewSearchRequest(entry.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
			[]string{fmt.Sprintf("%s;range=%d-*", name, next)}, nil)
		result, err := conn.Search(request)
		if err != nil {
			return nil, fmt.Errorf("read the values of %s from %d on: %w", entry.DN, next, err)
		}
		if len(result.Entries) != 1 {
			return nil, fmt.Errorf("read the values of %s from %d on: it is gone", entry.DN, next)
		}
		entry = result.Entries[0]
	}
}

// rangeOf finds name;range=low-high among the attributes: the values, and where to go on, 0 at the end.
func rangeOf(entry *ldap.Entry, name string) (next int, values []string) {
	for _, a := range entry.Attributes {
		bounds, ok := strings.CutPrefix(strings.ToLower(a.Name), strings.ToLower(name)+";range=")
		if !ok {
			continue
		}
		_, high, _ := strings.Cut(bounds, "-")
		if last, err := strconv.Atoi(high); err == nil {
			next = last + 1
		}
		return next, a.Values
	}
	return 0, nil
}

// holder makes a holder of an entry, less its proxyAddresses.
func (e *Engine) holder(entry *ldap.Entry) (address.Holder, error) {
	h := address.Holder{
		DN: address.DN(entry.DN), Kind: kindOf(entry), Name: entry.GetEqualFoldAttributeValue("displayName"),
		UPN: entry.GetEqualFoldAttributeValue("userPrincipalName"), Account: entry.GetEqualFoldAttributeValue("sAMAccountName"),
		SID:      sid(entry.GetEqualFoldRawAttributeValue("objectSid")),
		Nickname: entry.GetEqualFoldAttributeValue("mailNickname"), TargetAddress: entry.GetEqualFoldAttributeValue("targetAddress"),
		RemoteRecipient: entry.GetEqualFoldAttributeValue("msExchRemoteRecipientType") != "",
	}
	h.Mail = entry.GetEqualFoldAttributeValue("mail")
	var err error
	if h.GUID, err = address.GUIDFromBytes(entry.GetEqualFoldRawAttributeValue("objectGUID")); err != nil {
		return h, fmt.Errorf("objectGUID of %s: %w", entry.DN, err)
	}
	h.Anchor = anchor(entry)
	if h.Name == "" {
		h.Name = entry.GetEqualFoldAttributeValue("cn")
	}
	e.upn(&h)
	if details := entry.GetEqualFoldAttributeValue("msExchRecipientTypeDetails"); details != "" {
		if h.RecipientTypeDetails, err = strconv.ParseInt(details, 10, 64); err != nil {
			return h, fmt.Errorf("msExchRecipientTypeDetails of %s: %w", entry.DN, err)
		}
	}
	if changed := entry.GetEqualFoldAttributeValue("whenChanged"); changed != "" {
		if h.Changed, err = time.Parse("20060102150405.0Z", changed); err != nil {
			return h, fmt.Errorf("whenChanged of %s: %w", entry.DN, err)
		}
	}
	return h, nil
}

// upn completes the UPN of a user: with mail where people sign in with that, and with account@domain where there is none
// (the default rule "In from AD - User AccountEnabled").
func (e *Engine) upn(h *address.Holder) {
	switch {
	case h.Kind != address.User:
		h.UPN = ""
	case e.options.SignInWithMail && h.Mail != "":
		h.UPN = h.Mail
	case h.UPN == "":
		h.UPN = h.Account + "@" + e.site.Domain
	}
}

// anchor is the source anchor: base64 of mS-DS-ConsistencyGuid, else of objectGUID.
func anchor(entry *ldap.Entry) string {
	raw := entry.GetEqualFoldRawAttributeValue("mS-DS-ConsistencyGuid")
	if len(raw) == 0 {
		raw = entry.GetEqualFoldRawAttributeValue("objectGUID")
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func kindOf(entry *ldap.Entry) address.Kind {
	for _, class := range entry.GetEqualFoldAttributeValues("objectClass") {
		switch {
		case strings.EqualFold(class, "group"):
			return address.Group
		case strings.EqualFold(class, "contact"):
			return address.Contact
		}
	}
	return address.User
}

// sid prints a security identifier (MS-DTYP 2.4.2.2): revision, count, a 48-bit authority, 32-bit parts in little-endian.
func sid(raw []byte) string {
	const header = 8
	if len(raw) < header || len(raw) != header+4*int(raw[1]) {
		return ""
	}
	var authority uint64
	for _, b := range raw[2:header] {
		authority = authority<<8 | uint64(b)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "S-%d-%d", raw[0], authority)
	for at := header; at < len(raw); at += 4 {
		fmt.Fprintf(&s, "-%d", binary.LittleEndian.Uint32(raw[at:]))
	}
	return s.String()
}
