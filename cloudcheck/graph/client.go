package graph

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	msgraphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go-core/authentication"

	"github.com/aliasd/aliasd/cloudcheck"
)

// Options is what a Client is made from. TenantID and Credential have to be given.
type Options struct {
	Environment Environment // empty: Global
	TenantID    string      // GUID or a domain of the tenant
	Credential  Credential
	// GraphURL and AuthorityURL stand for a simulator or a proxy: https://host[:port], without a version.
	GraphURL     string
	AuthorityURL string
	// RootCAs are trusted for both; nil: the system's.
	RootCAs *x509.CertPool
	// Timeout is for one try of one HTTP call, 30 seconds where it is zero. Patience is how long a call that Graph
	// throttles is tried again, 20 seconds where it is zero; a longer Retry-After comes back as Wait(throttled).
	Timeout  time.Duration
	Patience time.Duration
	Now      func() time.Time
	Logger   *slog.Logger
	Observer Observer // may be nil
}

// Client reads a tenant through Microsoft Graph. It implements cloudcheck.Reader, and audit.Source.
type Client struct {
	adapter *msgraphcore.GraphRequestAdapterBase
	signIn  *signIn
	// authority is the sign-in server, and scope the resource that tokens are for.
	authority string
	scope     string
	timeout   time.Duration
	patience  time.Duration
	now       func() time.Time
	log       *slog.Logger
	observer  *meter
	gate      gate
	groups    *sidIndex
	// anchorsOneByOne is set once the tenant refused `in` for onPremisesImmutableId.
	anchorsOneByOne atomic.Bool
}

var _ cloudcheck.Reader = (*Client)(nil)

// Open checks the options and makes a client. It asks nothing yet: a wrong secret shows with the first call, or with
// Probe.
func Open(o Options) (*Client, error) {
	servers, err := o.servers()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	base := baseTransport(o.RootCAs, o.Timeout)
	count := &meter{next: o.Observer}
	o.Observer = count
	client := &Client{
		signIn:   &signIn{build: o.buildCredential(servers, base), now: o.Now},
		timeout:  o.Timeout,
		patience: o.Patience,
		now:      o.Now,
		log:      o.Logger,
		observer: count,
		groups:   newSIDIndex(),
	}
	if client.adapter, err = o.adapter(servers, client.signIn, base); err != nil {
		return nil, fmt.Errorf("graph adapter: %w", err)
	}
	client.authority, client.scope = servers.authority, servers.scope
	return client, nil
}

// target is where a client goes: the servers, and the resource that its tokens are for, which stays the cloud's own
// behind a proxy.
type target struct {
	endpoints
	scope string
	// foreign says that the authority is none of Microsoft's.
	foreign bool
}

func (o Options) servers() (target, error) {
	own, err := o.Environment.endpoints()
	if err != nil {
		return target{}, err
	}
	t := target{endpoints: own, scope: own.graph + "/.default", foreign: o.AuthorityURL != ""}
	var problems []error
	if o.GraphURL != "" {
		t.graph, err = checkURL("graph_url", o.GraphURL)
		problems = append(problems, err)
	}
	if o.AuthorityURL != "" {
		t.authority, err = checkURL("authority_url", o.AuthorityURL)
		problems = append(problems, err)
	}
	if o.TenantID == "" {
		problems = append(problems, errors.New("tenant_id: missing; give the directory (tenant) id"))
	}
	if o.Credential == nil {
		problems = append(problems, errors.New("credential: missing; give a certificate, a client secret, or a managed identity"))
	}
	return t, errors.Join(problems...)
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 20 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = silent{}
	}
	return o
}

// buildCredential lays out how to sign in, each time anew.
func (o Options) buildCredential(t target, base http.RoundTripper) func() (azcore.TokenCredential, error) {
	authority := Authority{
		TenantID: o.TenantID,
		ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: t.authority + "/"},
			Retry:     policy.RetryOptions{MaxRetries: 1, TryTimeout: o.Timeout, MaxRetryDelay: o.Patience},
			Transport: &http.Client{Transport: recorder{next: base, observer: silent{}, now: o.Now}},
		},
		DisableInstanceDiscovery: t.foreign,
	}
	return func() (azcore.TokenCredential, error) { return o.Credential(authority) }
}

// adapter makes the SDK's request adapter. Valid hosts are names without a port: with one too many or too few, no token
// is sent and no error given.
func (o Options) adapter(t target, tokens azcore.TokenCredential, base http.RoundTripper) (*msgraphcore.GraphRequestAdapterBase, error) {
	u, err := url.Parse(t.graph)
	if err != nil {
		return nil, err
	}
	provider, err := authentication.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(tokens, []string{t.scope}, []string{u.Hostname()})
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport:     pipeline(recorder{next: base, observer: o.Observer, now: o.Now}, o.Patience),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	registerJSON()
	adapter, err := msgraphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		provider, msgraphcore.GraphClientOptions{}, nil, nil, client)
	if err != nil {
		return nil, err
	}
	adapter.SetBaseUrl(t.graph + version)
	return adapter, nil
}

// registerJSON registers the SDK's parser, which its root client would do; it reads the errors of Graph. The registry keeps the
// first of each kind.
func registerJSON() {
	abstractions.RegisterDefaultDeserializer(func() serialization.ParseNodeFactory { return jsonserialization.NewJsonParseNodeFactory() })
}
