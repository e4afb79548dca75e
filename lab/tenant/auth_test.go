package tenant_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"

	"github.com/aliasd/aliasd/lab/tenant"
)

// clientOptions let azidentity talk to the tenant.
func (b *bundle) clientOptions() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: b.AuthorityURL},
		Transport: b.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

func scope() policy.TokenRequestOptions {
	return policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}}
}

func (b *bundle) secretCredential(t *testing.T, secret string) azcore.TokenCredential {
	t.Helper()
	credential, err := azidentity.NewClientSecretCredential(b.TenantID, b.ClientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: b.clientOptions(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

func (b *bundle) certificateCredential(t *testing.T, pemFile []byte) azcore.TokenCredential {
	t.Helper()
	certificates, key, err := azidentity.ParseCertificates(pemFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	credential, err := azidentity.NewClientCertificateCredential(b.TenantID, b.ClientID, certificates, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: b.clientOptions(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

func TestAzidentityGetsATokenThatGraphTakes(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	b.AddCloudUser(tenant.CloudObject{Name: "Ann", UPN: "ann@contoso.com"})
	for name, credential := range map[string]azcore.TokenCredential{
		"secret":      b.secretCredential(t, b.ClientSecret),
		"certificate": b.certificateCredential(t, b.certificate(t)),
	} {
		token, err := credential.GetToken(t.Context(), scope())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		other := bundle{Tenant: b.Tenant, client: b.client, token: token.Token}
		if r := other.get(t, "/users"); r.status != http.StatusOK || r.names() != "Ann" {
			t.Errorf("%s: Graph answers %d %v", name, r.status, r.body)
		}
	}
}

func TestAzidentityIsRefused(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	other := start(t, tenant.Options{})
	for name, c := range map[string]struct {
		credential azcore.TokenCredential
		code       string
	}{
		"wrong secret":      {b.secretCredential(t, "not it"), "AADSTS7000215"},
		"wrong certificate": {b.certificateCredential(t, other.certificate(t)), "AADSTS700027"},
	} {
		_, err := c.credential.GetToken(context.Background(), scope())
		if err == nil || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
}

func TestTokenRequests(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	for name, c := range map[string]struct {
		tenant string
		change url.Values
		status int
		kind   string
		code   float64
	}{
		"by domain name":       {"contoso.com", nil, http.StatusOK, "", 0},
		"unknown tenant":       {"fabrikam.com", nil, http.StatusBadRequest, "invalid_request", 90002},
		"unknown app":          {b.TenantID, url.Values{"client_id": {b.TenantID}}, http.StatusBadRequest, "unauthorized_client", 700016},
		"wrong secret":         {b.TenantID, url.Values{"client_secret": {"x"}}, http.StatusUnauthorized, "invalid_client", 7000215},
		"no secret":            {b.TenantID, url.Values{"client_secret": {""}}, http.StatusUnauthorized, "invalid_client", 7000216},
		"no scope":             {b.TenantID, url.Values{"scope": {""}}, http.StatusBadRequest, "invalid_request", 900144},
		"a permission's scope": {b.TenantID, url.Values{"scope": {"User.Read.All"}}, http.StatusBadRequest, "invalid_scope", 1002012},
		"an unknown resource":  {b.TenantID, url.Values{"scope": {"api/.default"}}, http.StatusBadRequest, "invalid_resource", 500011},
		"another grant":        {b.TenantID, url.Values{"grant_type": {"password"}}, http.StatusBadRequest, "unsupported_grant_type", 70003},
	} {
		t.Run(name, func(t *testing.T) {
			form := b.secretForm()
			for field, values := range c.change {
				form[field] = values
			}
			status, body := b.askToken(t, c.tenant, form)
			if status != c.status {
				t.Errorf("status %d, want %d: %v", status, c.status, body)
			}
			compareRefusal(t, body, c.kind, c.code)
		})
	}
}

// compareRefusal looks at the body of a refusal, if one is expected.
func compareRefusal(t *testing.T, body map[string]any, kind string, code float64) {
	t.Helper()
	if kind == "" {
		return
	}
	codes, _ := body["error_codes"].([]any)
	if body["error"] != kind || len(codes) != 1 || codes[0] != code {
		t.Errorf("refused as %v %v, want %s %v", body["error"], codes, kind, code)
	}
	if text, _ := body["error_description"].(string); !strings.HasPrefix(text, "AADSTS") || !strings.Contains(text, "Trace ID: ") {
		t.Errorf("the description is %q", text)
	}
}

// assertion is a client assertion that can be spoilt.
type assertion struct {
	method jwt.SigningMethod
	header map[string]any
	claims jwt.MapClaims
	key    any
}

// certificate is the app's registered certificate with its key.
func (b *bundle) certificate(t *testing.T) []byte {
	t.Helper()
	text, err := b.ClientCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (b *bundle) assertion(t *testing.T) assertion {
	t.Helper()
	certificateBlock, rest := pem.Decode(b.certificate(t))
	keyBlock, _ := pem.Decode(rest)
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(certificateBlock.Bytes)
	return assertion{
		method: jwt.SigningMethodPS256, key: key,
		header: map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])},
		claims: jwt.MapClaims{
			"aud": b.AuthorityURL + "/" + b.TenantID + "/oauth2/v2.0/token", "iss": b.ClientID, "sub": b.ClientID, "jti": "1",
			"nbf": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix(),
		},
	}
}

func (a assertion) sign(t *testing.T) string {
	t.Helper()
	token := jwt.NewWithClaims(a.method, a.claims)
	for name, value := range a.header {
		token.Header[name] = value
	}
	signed, err := token.SignedString(a.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestAssertionsAreVerified(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*assertion)
		code  float64 // 0: a token is given
	}{
		"right":                 {func(*assertion) {}, 0},
		"signed by another key": {func(a *assertion) { a.key = stranger }, 700027},
		"unknown certificate":   {func(a *assertion) { a.header["x5t#S256"] = "AAAA" }, 700027},
		"no thumbprint":         {func(a *assertion) { delete(a.header, "x5t#S256") }, 700027},
		"another algorithm":     {func(a *assertion) { a.method = jwt.SigningMethodRS256 }, 700027},
		"not signed": {func(a *assertion) {
			a.method, a.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
		}, 700027},
		"expired":          {func(a *assertion) { a.claims["exp"] = time.Now().Add(-time.Hour).Unix() }, 700024},
		"not valid yet":    {func(a *assertion) { a.claims["nbf"] = time.Now().Add(time.Hour).Unix() }, 700024},
		"without expiry":   {func(a *assertion) { delete(a.claims, "exp") }, 50027},
		"without id":       {func(a *assertion) { delete(a.claims, "jti") }, 50027},
		"another audience": {func(a *assertion) { a.claims["aud"] = "https://login.microsoftonline.com/common" }, 700023},
		"another issuer":   {func(a *assertion) { a.claims["iss"] = "somebody" }, 700021},
	} {
		t.Run(name, func(t *testing.T) {
			a := b.assertion(t)
			c.spoil(&a)
			form := b.secretForm()
			form.Del("client_secret")
			form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
			form.Set("client_assertion", a.sign(t))
			status, body := b.askToken(t, b.TenantID, form)
			switch {
			case c.code == 0 && status != http.StatusOK:
				t.Errorf("refused: %v", body)
			case c.code != 0 && status != http.StatusUnauthorized:
				t.Errorf("status %d: %v", status, body)
			case c.code != 0:
				compareRefusal(t, body, "invalid_client", c.code)
			}
		})
	}
}

func TestGraphWantsAToken(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	form := b.secretForm()
	form.Set("scope", "https://vault.azure.net/.default")
	_, elsewhere := b.askToken(t, b.TenantID, form)
	for name, token := range map[string]string{
		"none": "", "no JWT": "abc", "for another resource": elsewhere["access_token"].(string), "altered": b.token[:len(b.token)-4] + "AAAA",
	} {
		other := bundle{Tenant: b.Tenant, client: b.client, token: token}
		r := other.get(t, "/users")
		if r.status != http.StatusUnauthorized || r.code() != "InvalidAuthenticationToken" || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %v", name, r.status, r.body)
		}
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	if r := b.get(t, "/users"); r.status != http.StatusOK {
		t.Fatalf("%d %v", r.status, r.body)
	}
	b.ExpireTokens()
	if r := b.get(t, "/users"); r.status != http.StatusUnauthorized || !strings.Contains(r.message(), "expired") {
		t.Errorf("%d %v", r.status, r.body)
	}
	b.token = b.newToken(t)
	if r := b.get(t, "/users"); r.status != http.StatusOK {
		t.Errorf("a new token: %d %v", r.status, r.body)
	}
}

func TestShortTokenLives(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{TokenLife: time.Nanosecond})
	if r := b.get(t, "/users"); r.status != http.StatusUnauthorized || !strings.Contains(r.message(), "expired") {
		t.Errorf("%d %v", r.status, r.body)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	b := start(t, tenant.Options{})
	found := b.do(t, http.MethodGet, b.AuthorityURL+"/contoso.com/v2.0/.well-known/openid-configuration", nil, nil)
	if found.body["token_endpoint"] != b.AuthorityURL+"/"+b.TenantID+"/oauth2/v2.0/token" {
		t.Errorf("token endpoint %v", found.body["token_endpoint"])
	}
	unknown := b.do(t, http.MethodGet, b.AuthorityURL+"/fabrikam.com/v2.0/.well-known/openid-configuration", nil, nil)
	if unknown.status != http.StatusBadRequest || unknown.body["error"] != "invalid_tenant" {
		t.Errorf("an unknown tenant: %d %v", unknown.status, unknown.body)
	}
	instance := b.do(t, http.MethodGet, b.AuthorityURL+"/common/discovery/instance?api-version=1.1", nil, nil)
	if instance.status != http.StatusOK || instance.body["tenant_discovery_endpoint"] == nil {
		t.Errorf("instance discovery: %d %v", instance.status, instance.body)
	}
}
