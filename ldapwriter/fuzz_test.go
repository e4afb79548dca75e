package ldapwriter

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// FuzzEntry makes a holder of any bytes that a directory may have in its attributes: each value of proxyAddresses comes
// through byte for byte and in its order, none is invented, and what is no holder is none.
func FuzzEntry(f *testing.F) {
	sid := []byte{1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0}
	f.Add(make([]byte, 16), sid, "user", "SMTP:a@b|smtp:c@d", "20251121020304.0Z", "7")
	f.Add(make([]byte, 15), sid[:7], "user|person", "", "", "")
	f.Add(make([]byte, 17), []byte{}, "group", "\xff\xfe|smtp:\x00@b", "20251321020304.0Z", "-9223372036854775809")
	f.Add([]byte{}, []byte{1, 255}, "computer|user", "X500:/o=x|"+strings.Repeat("x", 5000), "99991231235959.0Z", "1e3")
	f.Add([]byte("0123456789abcdef"), sid, "CONTACT", "smtp:a@b\r\nmail: x|smtp:\u202ea@b|SMTP:A@B|smtp:a@b", "00000000000000.0Z", "٧")
	f.Fuzz(func(t *testing.T, guid, sid []byte, classes, proxies, changed, number string) {
		given := strings.Split(proxies, "|")
		e := ldap.NewEntry("CN=x", map[string][]string{"OBJECTCLASS": strings.Split(classes, "|"), "proxyaddresses": given, "mail": {given[0]},
			"displayName": {proxies}, "objectGUID": {string(guid)}, "objectSid": {string(sid)}, "mS-DS-ConsistencyGuid": {string(sid)},
			"whenChanged": {changed}, "uSNChanged": {number}, "msExchPoliciesIncluded": {proxies}, "msExchRecipientTypeDetails": {number}})
		entry, ok, err := newEntry(e, "ldaps://dc1")
		if kind, is := kindOf(strings.Split(classes, "|")); ok && (!is || entry.Kind != kind) || is && !ok && err == nil {
			t.Fatalf("%q is a holder: %v, %v", classes, ok, err)
		}
		if err != nil || !ok {
			if ok && len(guid) == 16 {
				t.Fatal(err)
			}
			return
		}
		checkEntry(t, entry, guid, sid, given)
	})
}

func checkEntry(t *testing.T, entry Entry, guid, sid []byte, given []string) {
	t.Helper()
	if string(entry.GUID[:]) != string(guid) {
		t.Fatalf("objectGUID % x becomes %s", guid, entry.GUID)
	}
	var got []string
	for _, p := range entry.Proxies {
		got = append(got, string(p))
	}
	if !slices.Equal(got, given) || entry.Mail != given[0] {
		t.Fatalf("%q becomes %q and the mail %q", given, got, entry.Mail)
	}
	wanted := sid
	if len(sid) == 0 {
		wanted = guid
	}
	if raw, err := base64.StdEncoding.DecodeString(entry.Anchor); err != nil || string(raw) != string(wanted) {
		t.Fatalf("the anchor % x becomes %q", wanted, entry.Anchor)
	}
	if entry.SID != "" && !strings.HasPrefix(entry.SID, "S-") {
		t.Fatalf("the SID % x becomes %q", sid, entry.SID)
	}
}

// FuzzStamps: nothing makes the reading of stamps fail, and a time that is told is no later than the object's last change.
func FuzzStamps(f *testing.F) {
	whole := append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, make([]byte, stampSize)...)
	for _, raw := range [][]byte{nil, whole, whole[:40], append(whole, 0), {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0}} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		changed := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		if at := addressesChanged(raw, changed); at.After(changed) {
			t.Errorf("%v", at)
		}
		if stamps, ok := parseStamps(raw); ok && len(raw) != stampsHead+len(stamps)*stampSize {
			t.Errorf("% x gives %d stamps", raw, len(stamps))
		}
	})
}

// FuzzTime: what is read as a time is what AD writes, and is written so again.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"20251121020304.0Z", "20250229000000.0Z", "20241231235960.0Z", "20251121020304.00Z", "20251121020304,0Z", "", "0", "20251121020304.0Z\x00", "99991231235959.0Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at := generalizedTime(s)
		if !at.IsZero() && at.Format("20060102150405.0Z") != s {
			t.Errorf("%q is read as %v", s, at)
		}
		if at.Location() != time.UTC {
			t.Errorf("%q is read in %v", s, at.Location())
		}
	})
}
