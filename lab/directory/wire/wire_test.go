package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/wire"
)

// client connects go-ldap, as the judge of the encoding, to a connection of ours.
func client(t *testing.T) (*ldap.Conn, *wire.Conn) {
	t.Helper()
	here, there := net.Pipe()
	conn := ldap.NewConn(here, false)
	conn.Start()
	t.Cleanup(func() { _ = conn.Close(); _ = there.Close() })
	return conn, wire.NewConn(there)
}

// TestRequests sends every operation with go-ldap and reads it with ours.
func TestRequests(t *testing.T) {
	t.Parallel()
	modify := ldap.NewModifyRequest("CN=a", nil)
	modify.Add("mail", []string{"x"})
	modify.Delete("proxyAddresses", []string{"smtp:a", "smtp:b"})
	modify.Replace("displayName", nil)
	add := ldap.NewAddRequest("CN=a", nil)
	add.Attribute("objectClass", []string{"top", "user"})
	for name, test := range map[string]struct {
		send func(*ldap.Conn) error
		want wire.Operation
	}{
		"bind": {func(c *ldap.Conn) error { return c.Bind("me", "secret") }, &wire.Bind{Version: 3, Name: "me", Password: "secret"}},
		"sasl": {func(c *ldap.Conn) error { return c.ExternalBind() }, &wire.Bind{Version: 3, Mechanism: "EXTERNAL"}},
		"modify": {func(c *ldap.Conn) error { return c.Modify(modify) }, &wire.Modify{DN: "CN=a", Changes: []wire.Change{
			{Operator: wire.AddValues, Attribute: "mail", Values: []string{"x"}},
			{Operator: wire.DeleteValues, Attribute: "proxyAddresses", Values: []string{"smtp:a", "smtp:b"}},
			{Operator: wire.ReplaceValues, Attribute: "displayName"}}}},
		"add": {func(c *ldap.Conn) error { return c.Add(add) },
			&wire.Add{DN: "CN=a", Attributes: []wire.Attribute{{Name: "objectClass", Values: []string{"top", "user"}}}}},
		"delete": {func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest("CN=a", nil)) }, &wire.Delete{DN: "CN=a"}},
		"rename": {func(c *ldap.Conn) error { return c.ModifyDN(ldap.NewModifyDNRequest("CN=a", "CN=b", true, "OU=c")) },
			&wire.ModifyDN{DN: "CN=a", NewRDN: "CN=b", DeleteOldRDN: true, NewParent: "OU=c"}},
		"rename in place": {func(c *ldap.Conn) error { return c.ModifyDN(ldap.NewModifyDNRequest("CN=a", "CN=b", false, "")) },
			&wire.ModifyDN{DN: "CN=a", NewRDN: "CN=b"}},
		"compare": {func(c *ldap.Conn) error {
			_, err := c.Compare("CN=a", "mail", "x")
			return ignore(err, ldap.LDAPResultSuccess)
		},
			&wire.Compare{DN: "CN=a", Attribute: "mail", Value: "x"}},
		"extended": {func(c *ldap.Conn) error { _, err := c.Extended(ldap.NewExtendedRequest("1.2.3", nil)); return err },
			&wire.Extended{Name: "1.2.3", Value: []byte{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, ours := client(t)
			done := make(chan error, 1)
			go func() { done <- test.send(conn) }()
			message, err := ours.Read()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(message.Operation, test.want) {
				t.Errorf("read %#v, wanted %#v", message.Operation, test.want)
			}
			if err := ours.Done(message, wire.Result{}); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Errorf("the answer was not understood: %v", err)
			}
		})
	}
}

// ignore takes a result code for success; go-ldap wants compare to end with two others.
func ignore(err error, code uint16) error {
	if err != nil && strings.Contains(err.Error(), "unexpected response") || ldap.IsErrorWithCode(err, code) {
		return nil
	}
	return err
}

// TestSearch sends a search with controls, and answers with entries, a reference, a control and a referral's result.
func TestSearch(t *testing.T) {
	t.Parallel()
	conn, ours := client(t)
	answered := make(chan error, 1)
	go func() { answered <- answerSearch(ours) }()
	request := ldap.NewSearchRequest("DC=x", ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 7, 0, true, "(cn=a*)", []string{"cn", "mail"},
		[]ldap.Control{ldap.NewControlPaging(9), ldap.NewControlString("1.2.3", true, "value")})
	result, err := conn.Search(request)
	if problem := <-answered; err != nil || problem != nil {
		t.Fatal(err, problem)
	}
	if len(result.Entries) != 1 || result.Entries[0].DN != "CN=ü,DC=x" || !reflect.DeepEqual(result.Entries[0].GetRawAttributeValues("raw"), [][]byte{{0, 255}, {}}) {
		t.Errorf("entries %v", result.Entries)
	}
	if !reflect.DeepEqual(result.Referrals, []string{"ldap://x/DC=y"}) {
		t.Errorf("references %q", result.Referrals)
	}
	paging, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok || paging.PagingSize != 3 || string(paging.Cookie) != "next" {
		t.Errorf("controls %v", result.Controls)
	}
}

// answerSearch checks what arrived and answers it.
func answerSearch(ours *wire.Conn) error {
	message, err := ours.Read()
	if err != nil {
		return err
	}
	search, ok := message.Operation.(*wire.Search)
	if !ok || search.Base != "DC=x" || search.Scope != wire.One || search.SizeLimit != 7 || !search.TypesOnly || search.Filter.Tag != ldap.FilterSubstrings ||
		!reflect.DeepEqual(search.Attributes, []string{"cn", "mail"}) {
		return errors.New("the search arrived otherwise")
	}
	// go-ldap writes TRUE as 0x01, which is no TRUE in LDAP.
	if len(message.Controls) != 2 || message.Controls[1].OID != "1.2.3" || message.Controls[1].Critical || string(message.Controls[1].Value) != "value" {
		return errors.New("the controls arrived otherwise")
	}
	if paging, err := wire.DecodePaging(message.Controls[0].Value); err != nil || paging != (wire.Paging{Size: 9}) {
		return errors.New("the paging control arrived otherwise")
	}
	return errors.Join(
		ours.Entry(message, "CN=ü,DC=x", []wire.Attribute{{Name: "raw", Values: []string{"\x00\xff", ""}}}),
		ours.Reference(message, "ldap://x/DC=y"),
		ours.Done(message, wire.Result{Controls: []wire.Control{wire.Paging{Size: 3, Cookie: "next"}.Control()}}))
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	conn, ours := client(t)
	go func() {
		message, err := ours.Read()
		if err == nil {
			_ = ours.Done(message, wire.Result{Code: 32, MatchedDN: "DC=x", Text: "not there"})
		}
	}()
	var refused *ldap.Error
	if err := conn.Del(ldap.NewDelRequest("CN=a,DC=x", nil)); !errors.As(err, &refused) || refused.ResultCode != 32 || refused.MatchedDN != "DC=x" ||
		!strings.Contains(err.Error(), "not there") {
		t.Fatal(err)
	}
}

func TestReadEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"": io.EOF, "hello": wire.ErrMalformed, "\x30\x00": wire.ErrMalformed,
		"\x30\x05\x02\x01\x01\x42\x01": wire.ErrMalformed, "\x30\x05\x02\x01\x01\x66\x00": wire.ErrMalformed} {
		here, there := net.Pipe()
		go func() {
			_, _ = io.WriteString(there, text)
			_ = there.Close()
		}()
		if _, err := wire.NewConn(here).Read(); !errors.Is(err, want) {
			t.Errorf("%q: %v, wanted %v", text, err, want)
		}
	}
}

// FuzzDecode: whatever arrives is understood or refused, and paging controls too.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", "\x30\x05\x02\x01\x01\x42\x00", "\x30\x06\x02\x01\x01\x4a\x01a",
		"\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass0\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > 1<<16 {
			return
		}
		_, _ = wire.DecodePaging(raw)
		packet, err := ber.ReadPacket(bytes.NewReader(raw))
		if err != nil {
			return
		}
		message, err := wire.Decode(packet)
		if err == nil && message.Operation == nil {
			t.Fatal("a message without an operation")
		}
		if err != nil && !errors.Is(err, wire.ErrMalformed) {
			t.Fatal(err)
		}
	})
}
