package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/directory/wire"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// hostileHolders name nobody, and try to be more than a name.
func hostileHolders() []string {
	return []string{
		"*", "**", "j*", "jdoe*", "*)(objectClass=*", "jdoe)(|(mail=*", "jdoe))(&(objectClass=*", `\2a`, `\2A`, `\`, `jdoe\`, `\6adoe`, "(jdoe)", "&", "|", "!",
		")(cn=*))(|(cn=*", "jdoe)(userPassword=*", "*@contoso.test", "*)(mail=*@contoso.test", "jdoe@contoso.test)(cn=*", "smtp:*", "smtp:*)(cn=*@x",
		"<GUID=00000000000000000000000000000000>", "<GUID=>", "<SID=S-1-5-32-544>", "<SID=0102000000000005200000002002000>",
		"<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=contoso,DC=test>", "<GUID=x>;<SID=y>;DC=contoso,DC=test", "<GUID=1>,DC=contoso,DC=test",
		"DC=contoso,DC=test", "OU=People,DC=contoso,DC=test", "CN=Users,DC=contoso,DC=test", "CN=Jane Doe)(cn=*,OU=People,DC=contoso,DC=test",
		`CN=Jane Doe\2COU=People,DC=contoso,DC=test`, `CN=Jane Doe\00,OU=People,DC=contoso,DC=test`, "CN=*,OU=People,DC=contoso,DC=test", "=", "a=", "=a", ",", "+",
		"CN=Configuration,DC=contoso,DC=test", "CN=Administrator,CN=Users,DC=contoso,DC=test?", "ldap:///DC=contoso,DC=test??sub?(cn=*)",
		`CONTOSO\*`, `*\jdoe`, `CONTOSO\jdoe)(cn=*`, `..\jdoe`, `CONTOSO\`, `\jdoe`, `\\contoso\jdoe`, "{00000000-0000-0000-0000-000000000000}", "00000000-0000-0000-0000-000000000000",
		"jdoe\u200b", "j\u200cdoe", "\u202eeodj", "jd\u043ee", "\uff4a\uff44\uff4f\uff45", "jdoe\u00ad", "\ufeffjdoe", "jd\u00f6e", "jdo\u0451", "ⓙⓓⓞⓔ", "jdoe\u0301",
		"j doe", "jdoe;bob", "jdoe,bob", "jdoe' OR '1'='1", "$(id)", "`id`", "{{7*7}}", "%s%n", "../../etc/passwd", "../requests", "a/../b", "a//b", "a?state=held", "#",
		strings.Repeat("(", 1000), strings.Repeat("*", 1024), strings.Repeat("a", 1024), strings.Repeat("CN=a,", 200) + "DC=b", strings.Repeat("\u00fc", 500),
	}
}

// brokenHolders cannot be a line of text.
func brokenHolders() []string {
	return []string{"\x00", "jdoe\x00", "jdoe\r\nmail: x", "\n", "jdoe\x1b[2J", "\x7f", "jdoe\u0085", "jdoe\u2028", " jdoe", "jdoe ", strings.Repeat("a", 1025)}
}

// hostileAddresses are none that anybody may have.
func hostileAddresses() []string {
	return []string{
		"", "*", "a@b@contoso.test", "a\r\nmail: x@contoso.test", "a@contoso.test\n", "a\x00@contoso.test", "a,b@contoso.test", "a;b@contoso.test",
		`"a b"@contoso.test`, `"a"@contoso.test`, "a(comment)@contoso.test", "a@contoso.test(x)", "Jane <a@contoso.test>", "<a@contoso.test>", "a@[127.0.0.1]",
		"a@[IPv6:::1]", "a@127.0.0.1", "a@müller.test", "ä@contoso.test", "a@contoso.test\u200b", "\u202ea@contoso.test", "\uff41@contoso.test", "smtp:a@contoso.test",
		"smtp:smtp:a@contoso.test", "SMTP:a@contoso.test", "X500:/o=x/cn=a", "sip:a@contoso.test", "a@contoso", "a@.test", "a@contoso..test", "a..b@contoso.test",
		".a@contoso.test", "a.@contoso.test", "@contoso.test", "a@", "a)(cn=*@contoso.test", `a\2a@contoso.test`, "a@contoso.test)(cn=*", "a b@contoso.test",
		strings.Repeat("a", 300) + "@contoso.test", strings.Repeat("a", 65) + "@contoso.test", "a@" + strings.Repeat("b", 64) + ".test", "a@contoso.onmicrosoft.com",
		"mailto:a@contoso.test", "a%40b@contoso.test\t", "=1+1@contoso.test\r", "a@contoso.test?cc=b@x", "a@-contoso.test", "a@contoso-.test",
	}
}

// oddAddresses are addresses (RFC 5322, 3.2.3) whose characters mean something elsewhere.
func oddAddresses() []string {
	return []string{"*@contoso.test", "a*@contoso.test", "o'brien@contoso.test", "''@contoso.test", "a|b@contoso.test", "&@contoso.test", "!a@contoso.test",
		"{a}@contoso.test", "a=b@contoso.test", "$filter@contoso.test", "a%20b@contoso.test", "a/b@contoso.test", "a?b@contoso.test", "a#b@contoso.test", "~`^@contoso.test"}
}

// searches keeps what the directory was asked, each without the values: the structure that a filter has, and its base.
type searches struct {
	mu     sync.Mutex
	shapes map[string]string // to an example
	writes []string
}

func (r *searches) watch(d *directory.Directory) {
	d.OnOperation(func(_ context.Context, o directory.Operation) directory.Fault {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch request := o.Request.(type) {
		case *wire.Search:
			if request.Base == "" {
				break // each new connection asks the server about itself
			}
			filter, err := ldap.DecompileFilter(request.Filter)
			shape := fmt.Sprintf("%s %d %v %v %v", baseShape(request), request.Scope, filterShape(request.Filter), err, request.Attributes)
			r.shapes[shape] = request.Base + " " + filter
		case *wire.Bind, *wire.Unbind, *wire.Abandon:
		default:
			r.writes = append(r.writes, fmt.Sprintf("%T %+v", request, request))
		}
		return directory.Fault{}
	})
}

// seen gives what was asked since the last call.
func (r *searches) seen() (shapes map[string]string, writes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	shapes, writes = r.shapes, r.writes
	r.shapes, r.writes = map[string]string{}, nil
	return shapes, writes
}

// baseShape says what kind of name a base is; where more than one entry is looked at, it is one that aliasd knows by itself.
func baseShape(asked *wire.Search) string {
	base := asked.Base
	switch {
	case asked.Scope != wire.Base:
		return base
	case regexp.MustCompile(`^<GUID=[0-9a-f]{32}>$`).MatchString(base):
		return "a GUID"
	case strings.Contains(base, "=") && !strings.ContainsAny(base, "<>;\""):
		return "a DN"
	}
	return "something else: " + base
}

// filterShape is a filter without its values.
func filterShape(p *ber.Packet) string {
	parts := []string{}
	switch p.Tag {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		for _, part := range p.Children {
			parts = append(parts, filterShape(part))
		}
		slices.Sort(parts)
		parts = slices.Compact(parts) // how many values are asked for at once depends on what a holder has
		return fmt.Sprint(ldap.FilterMap[uint64(p.Tag)], parts)
	case ldap.FilterEqualityMatch:
		return fmt.Sprint(ber.DecodeString(p.Children[0].Data.Bytes()), "=?")
	}
	text, err := ldap.DecompileFilter(p)
	return fmt.Sprint(text, err)
}

// snapshot is what everybody has in the directory.
func (s *stack) snapshot(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, o := range people() {
		dn := s.Site.DNOf(o)
		entry, err := s.Site.Read(context.Background(), dn, "mail", "proxyAddresses", "uSNChanged")
		fatal(t, err)
		proxies := slices.Sorted(slices.Values(entry.GetAttributeValues("proxyAddresses")))
		all[dn] = append(proxies, entry.GetAttributeValue("mail"), entry.GetAttributeValue("uSNChanged"))
	}
	return all
}

// ask names a holder in every way in which a name can come in. The answers are problems with a code, and say that nobody is
// called so.
func (s *stack) ask(t *testing.T, identity string, codes ...server.Code) {
	t.Helper()
	ctx := context.Background()
	_, err := s.remote.Holder(ctx, identity)
	var strange *client.Problem
	// The client cannot send a path that leads elsewhere: there it gets to no route.
	if !errors.As(err, &strange) || strange.Status/100 != 4 || !slices.Contains(append(codes, server.NoSuchRoute), strange.Code) {
		t.Errorf("holder %.80q: %v", identity, err)
	}
	submission := server.SubmissionJSON{Holder: identity, Action: address.AddAlias, Address: "wanted@contoso.test"}
	preview, err := s.remote.Validate(ctx, submission)
	if err == nil && (preview.OK || len(preview.Refusals) == 0 || !slices.Contains(codes, server.Code(preview.Refusals[0].Code))) ||
		err != nil && (!errors.As(err, &strange) || !slices.Contains(codes, strange.Code)) {
		t.Errorf("validate %.80q: %+v, %v", identity, preview, err)
	}
	r, err := s.remote.Submit(ctx, submission, "")
	if err != nil {
		if !errors.As(err, &strange) || !slices.Contains(codes, strange.Code) {
			t.Errorf("submit %.80q: %v", identity, err)
		}
		return
	}
	s.untilRefused(t, r.ID, codes)
}

func (s *stack) untilRefused(t *testing.T, id queue.RequestID, codes []server.Code) {
	t.Helper()
	r, err := s.remote.Wait(timeLimit(t), id, client.Watch{})
	if err != nil || r.State != queue.Refused || !slices.Contains(codes, server.Code(codeOf(r))) || r.Receipt != nil {
		t.Errorf("submitted %.80q: %s (%s), %v", r.Holder, r.State, codeOf(r), err)
	}
}

// TestHostileNames: no name and no address that somebody sends is ever more than a value in the filters that we make, the
// answer has a stable code, and nothing is written.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, kind lab.Kind) {
		s := newStack(t, kind, tenant.Options{})
		before := s.snapshot(t)
		record := &searches{shapes: map[string]string{}}
		if s.Embedded != nil {
			record.watch(s.Embedded)
		}
		for _, plain := range []string{"nobody", "nobody@contoso.test", `CONTOSO\nobody`, "CN=Nobody,OU=People,DC=contoso,DC=test", "smtp:nobody@contoso.test",
			"7d1b3c1e-9a51-4b7d-8e4f-6a9001956120", "No Body", "nobody = no"} {
			s.ask(t, plain, server.Code(cause.UnknownHolder))
		}
		s.preview(t, "plain@contoso.test")
		known, _ := record.seen()
		var asking sync.WaitGroup
		for part := range slices.Chunk(hostileHolders(), 12) {
			asking.Go(func() {
				for _, name := range part {
					s.ask(t, name, server.Code(cause.UnknownHolder))
				}
			})
		}
		asking.Wait()
		for _, name := range brokenHolders() {
			s.ask(t, name, server.InvalidRequest)
		}
		s.checkAddresses(t)
		for _, addr := range oddAddresses() {
			s.preview(t, addr)
		}
		shapes, writes := record.seen()
		for shape, example := range shapes {
			if known[shape] == "" {
				t.Errorf("the directory was asked something else than a plain name makes:\n%s\n%s", shape, example)
			}
		}
		if kind == lab.Embedded && (len(known) < 4 || len(writes) > 0) {
			t.Errorf("recorded %d kinds of searches, and %q", len(known), writes)
		}
		if after := s.snapshot(t); !maps.EqualFunc(before, after, slices.Equal) {
			t.Errorf("the directory changed from\n%v\nto\n%v", before, after)
		}
	})
}

// preview asks what would become of an address that is one: it would be added, and both sides were asked for that very one.
func (s *stack) preview(t *testing.T, addr string) {
	t.Helper()
	got, err := s.remote.Validate(context.Background(), server.SubmissionJSON{Holder: "jdoe", Action: address.AddAlias, Address: addr})
	if err != nil || !got.OK || got.Plan == nil || !slices.Contains(got.Plan.Add, address.Proxy("smtp:"+addr)) {
		t.Errorf("%q: %+v, %v", addr, got, err)
	}
}

// checkAddresses sends what is no address: it is refused at once and nothing of it is stored.
func (s *stack) checkAddresses(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for _, addr := range hostileAddresses() {
		for _, action := range []address.Action{address.AddAlias, address.SetPrimary, address.RemoveAlias} {
			submission := server.SubmissionJSON{Holder: "jdoe", Action: action, Address: addr, Ticket: "hostile"}
			var problem *client.Problem
			if r, err := s.remote.Submit(ctx, submission, ""); !errors.As(err, &problem) || problem.Status != http.StatusUnprocessableEntity || problem.Code == "" {
				t.Errorf("%s %.80q: %+v, %v", action, addr, r, err)
			}
			if preview, err := s.remote.Validate(ctx, submission); err == nil && preview.OK {
				t.Errorf("%s %.80q would be done: %+v", action, addr, preview.Plan)
			}
		}
	}
	page, err := s.remote.List(ctx, client.Query{Ticket: "hostile"})
	if err != nil || len(page.Items) > 0 {
		t.Errorf("stored %+v, %v", page.Items, err)
	}
}

// TestTheRecorderSeesAnInjection shows that the shapes tell an injected filter from a name: what would happen if values were
// not escaped.
func TestTheRecorderSeesAnInjection(t *testing.T) {
	t.Parallel()
	shape := func(account string) string {
		p, err := ldap.CompileFilter("(sAMAccountName=" + account + ")")
		fatal(t, err)
		return filterShape(p)
	}
	for _, raw := range []string{"*", "j*", "jdoe*x"} {
		if shape(raw) == shape("jdoe") || shape(ldap.EscapeFilter(raw)) != shape("jdoe") {
			t.Errorf("%q: %s, escaped %s", raw, shape(raw), shape(ldap.EscapeFilter(raw)))
		}
	}
	p, err := ldap.CompileFilter("(|(sAMAccountName=jdoe)(mail=*))")
	fatal(t, err)
	if filterShape(p) == shape("jdoe") {
		t.Error("an injection is not told from a name")
	}
	for base, want := range map[string]bool{"CN=a,DC=b": true, "<GUID=00112233445566778899aabbccddeeff>": true, "<SID=S-1-5-32-544>": false,
		"<GUID=x>;DC=a": false, "<WKGUID=x,DC=a>": false, "a": false} {
		if got := baseShape(&wire.Search{Base: base}); strings.HasPrefix(got, "something else") == want {
			t.Errorf("the base %s is %s", base, got)
		}
	}
}

// timeLimit is a context that ends only where something hangs.
func timeLimit(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	t.Cleanup(stop)
	return ctx
}
