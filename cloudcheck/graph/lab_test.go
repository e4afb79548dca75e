package graph

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/lab/tenant"
)

// lab is a tenant in a box and a client that signs in to it with the secret.
type lab struct {
	*tenant.Tenant
	client *Client
	clock  *clock
}

// clock is a clock that a test moves; it begins at the wall's time.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

func startLab(t testing.TB, o tenant.Options, change ...func(*Options)) *lab {
	t.Helper()
	ten, err := tenant.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ten.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &lab{Tenant: ten, clock: &clock{}}
	l.client = l.open(t, change...)
	return l
}

// open makes one more client of the tenant, with its own token.
func (l *lab) open(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{
		TenantID: l.TenantID, GraphURL: l.URL, AuthorityURL: l.AuthorityURL, RootCAs: l.roots(t),
		Credential: SecretCredential(l.ClientID, text(l.ClientSecret)),
		Timeout:    patience, Patience: time.Minute, Now: l.clock.now,
	}
	for _, f := range change {
		f(&o)
	}
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// roots vouch for the tenant.
func (l *lab) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(l.CA) {
		t.Fatal("the tenant's CA is no certificate")
	}
	return roots
}

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

// sync exports the holders to the tenant.
func (l *lab) sync(t testing.TB, holders ...address.Holder) {
	t.Helper()
	failed, err := l.Import(t.Context(), holders, l.clock.now())
	if err != nil || len(failed) > 0 {
		t.Fatalf("sync: %v, %v", err, failed)
	}
}

// objects looks refs up, which has to go well as a whole.
func (l *lab) objects(t *testing.T, refs ...cloudcheck.Ref) []cloudcheck.Sighting {
	t.Helper()
	sightings, err := l.client.Objects(t.Context(), refs)
	if err != nil {
		t.Fatalf("objects: %v", err)
	}
	if len(sightings) != len(refs) {
		t.Fatalf("%d sightings of %d refs", len(sightings), len(refs))
	}
	return sightings
}

// anchorOf makes anchors that have to be encoded in an address: they hold + and /.
func anchorOf(n int) string {
	guid := [16]byte{0xfb, 0xef, 0xff, 3: byte(n >> 16), 4: byte(n >> 8), 5: byte(n)}
	return base64.StdEncoding.EncodeToString(guid[:])
}

func userHolder(n int, proxies ...address.Proxy) address.Holder {
	name := fmt.Sprintf("user%d", n)
	if proxies == nil {
		proxies = []address.Proxy{address.Proxy("SMTP:" + name + "@contoso.com")}
	}
	return address.Holder{Anchor: anchorOf(n), Kind: address.User, Name: "User " + name, UPN: name + "@contoso.com", Account: name,
		SID: fmt.Sprintf("S-1-5-21-1-2-3-%d", n), Nickname: name, Values: address.Values{Mail: name + "@contoso.com", Proxies: proxies}}
}

func groupHolder(n int, proxies ...address.Proxy) address.Holder {
	h := address.Holder{Anchor: anchorOf(n), Kind: address.Group, Name: fmt.Sprintf("Group %d", n), Account: fmt.Sprintf("group%d", n),
		SID: fmt.Sprintf("S-1-5-21-1-2-3-%d", n), Nickname: fmt.Sprintf("group%d", n), Values: address.Values{Proxies: proxies}}
	h.Mail = string(primaryOf(h))
	return h
}

func contactHolder(n int, proxies ...address.Proxy) address.Holder {
	h := address.Holder{Anchor: anchorOf(n), Kind: address.Contact, Name: fmt.Sprintf("Contact %d", n),
		Nickname: fmt.Sprintf("contact%d", n), Values: address.Values{Proxies: proxies}}
	h.Mail = string(primaryOf(h))
	return h
}

func primaryOf(h address.Holder) address.Address {
	for _, p := range h.Proxies.Primaries() {
		return p.Address()
	}
	return ""
}

func ref(h address.Holder) cloudcheck.Ref { return cloudcheck.Ref{Holder: h} }
