package tenant

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// grant is what an access token stands for.
type grant struct {
	roles   []string
	expires time.Time
	// otherAudience says that the token was issued for something else than Graph.
	otherAudience bool
}

// has says whether the token carries any of the permissions.
func (g grant) has(permissions ...string) bool {
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(g.roles, p) })
}

// serveToken is POST /{tenant}/oauth2/v2.0/token: the client credentials flow, with a secret or an assertion.
func (t *Tenant) serveToken(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		t.refuseToken(w, aadsts(http.StatusBadRequest, "invalid_request", 900144, "The request body could not be read."))
		return
	}
	audience, refusal := t.checkTokenRequest(r.PathValue("tenant"), r.PostForm)
	if refusal != nil {
		t.refuseToken(w, refusal)
		return
	}
	token, life, err := t.issue(audience)
	if err != nil {
		t.refuseToken(w, aadsts(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred."))
		return
	}
	t.write(w, http.StatusOK, http.Header{"Cache-Control": {"no-store, no-cache"}, "Pragma": {"no-cache"}}, map[string]any{
		"token_type": "Bearer", "expires_in": int(life.Seconds()), "ext_expires_in": int(life.Seconds()), "access_token": token,
	})
}

// checkTokenRequest gives the audience that the token is for, or what Entra refuses.
func (t *Tenant) checkTokenRequest(tenant string, form url.Values) (string, *tokenRefusal) {
	if !t.isTenant(tenant) {
		return "", unknownTenant(tenant)
	}
	for _, field := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(field) == "" {
			return "", aadsts(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", field)
		}
	}
	if grantType := form.Get("grant_type"); grantType != "client_credentials" {
		return "", aadsts(http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", grantType)
	}
	if id := form.Get("client_id"); !strings.EqualFold(id, t.ClientID) {
		return "", aadsts(http.StatusBadRequest, "unauthorized_client", 700016,
			"Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.", id, t.TenantID)
	}
	if refusal := t.checkCredential(form); refusal != nil {
		return "", refusal
	}
	return t.audience(form.Get("scope"))
}

func (t *Tenant) checkCredential(form url.Values) *tokenRefusal {
	assertion, secret := form.Get("client_assertion"), form.Get("client_secret")
	switch {
	case assertion != "":
		return t.checkAssertion(form.Get("client_assertion_type"), assertion)
	case secret == "":
		return aadsts(http.StatusUnauthorized, "invalid_client", 7000216,
			"'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.")
	case subtle.ConstantTimeCompare([]byte(secret), []byte(t.ClientSecret)) != 1:
		return aadsts(http.StatusUnauthorized, "invalid_client", 7000215,
			"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", t.ClientID)
	}
	return nil
}

// audience gives the resource of a scope. The client credentials flow wants resource/.default; the scopes of OpenID, which
// client libraries always add, mean nothing here.
func (t *Tenant) audience(scope string) (string, *tokenRefusal) {
	scopes := slices.DeleteFunc(strings.Fields(scope), func(s string) bool {
		return slices.Contains([]string{"openid", "offline_access", "profile", "email"}, s)
	})
	resource, ok := strings.CutSuffix(strings.Join(scopes, " "), "/.default")
	if !ok || len(scopes) != 1 {
		return "", aadsts(http.StatusBadRequest, "invalid_scope", 1002012,
			"The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope)
	}
	address, err := url.Parse(resource)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return "", aadsts(http.StatusBadRequest, "invalid_resource", 500011,
			"The resource principal named %s was not found in the tenant named %s.", resource, t.TenantID)
	}
	return resource, nil
}

// graphHosts are the audiences of Graph in its clouds (Graph concepts, "National cloud deployments").
func graphHosts() []string {
	return []string{"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
}

// isGraph says whether an audience is Graph: in one of its clouds, or at this tenant's own address.
func (t *Tenant) isGraph(audience string) bool {
	base := strings.TrimSuffix(audience, "/")
	return slices.Contains(t.hosts(), base) || slices.Contains(graphHosts(), strings.TrimPrefix(base, "https://"))
}

// issue makes an access token. It is a JWT, as Entra's are, whose roles are the permissions granted now.
func (t *Tenant) issue(audience string) (string, time.Duration, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, at, life := newID(), time.Now(), t.options.TokenLife
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": audience, "iss": "https://sts.windows.net/" + t.TenantID + "/", "iat": at.Unix(), "nbf": at.Unix(), "exp": at.Add(life).Unix(),
		"appid": t.ClientID, "idtyp": "app", "roles": t.granted, "tid": t.TenantID, "uti": id, "ver": "1.0",
	}).SignedString(t.signing)
	if err != nil {
		return "", 0, fmt.Errorf("sign an access token: %w", err)
	}
	t.tokens[id] = grant{roles: slices.Clone(t.granted), expires: at.Add(life), otherAudience: !t.isGraph(audience)}
	return token, life, nil
}

// ExpireTokens makes every token that was issued so far look expired.
func (t *Tenant) ExpireTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, g := range t.tokens {
		g.expires = time.Time{}
		t.tokens[id] = g
	}
}

// authenticate finds what the bearer token of a Graph request stands for.
func (t *Tenant) authenticate(header string) (grant, *problem) {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || token == "" {
		return grant{}, unauthorized("Access token is empty.")
	}
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithoutClaimsValidation())
	if _, err := parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return t.signing, nil }); err != nil {
		return grant{}, unauthorized("IDX14100: JWT is not well formed, or its signature is not valid.")
	}
	id, _ := claims["uti"].(string)
	t.mu.Lock()
	defer t.mu.Unlock()
	g, known := t.tokens[id]
	switch {
	case !known || g.otherAudience:
		return grant{}, unauthorized("Access token validation failure. Invalid audience.")
	case !time.Now().Before(g.expires):
		return grant{}, unauthorized("Lifetime validation failed, the token is expired.")
	}
	return g, nil
}

func unauthorized(message string) *problem {
	return &problem{status: http.StatusUnauthorized, code: codeToken, message: message, header: http.Header{
		"Www-Authenticate": {`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`},
	}}
}
