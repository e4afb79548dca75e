package tenant

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// skew is how far the clocks of client and Entra may differ.
const skew = 5 * time.Minute

// tokenRefusal is an answer of the token endpoint that is not a token.
type tokenRefusal struct {
	status  int
	kind    string // OAuth's error: invalid_client, …
	code    int    // AADSTS
	message string
}

func aadsts(status int, kind string, code int, format string, args ...any) *tokenRefusal {
	return &tokenRefusal{status: status, kind: kind, code: code, message: fmt.Sprintf(format, args...)}
}

func unknownTenant(name string) *tokenRefusal {
	return aadsts(http.StatusBadRequest, "invalid_request", 90002,
		"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", name)
}

// refuseToken writes the error body of Entra's token endpoint.
func (t *Tenant) refuseToken(w http.ResponseWriter, refusal *tokenRefusal) {
	trace, correlation := newID(), newID()
	at := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	t.write(w, refusal.status, http.Header{"Cache-Control": {"no-store, no-cache"}}, map[string]any{
		"error": refusal.kind,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			refusal.code, refusal.message, trace, correlation, at),
		"error_codes":    []int{refusal.code},
		"timestamp":      at,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      fmt.Sprintf("%s/error?code=%d", t.AuthorityURL, refusal.code),
	})
}

// checkAssertion verifies a client assertion: PS256 by the registered certificate that its header names, issued by the
// app to itself, for this token endpoint, valid now (RFC 7523; Entra, "Certificate credentials").
func (t *Tenant) checkAssertion(kind, assertion string) *tokenRefusal {
	if kind != assertionType {
		return invalidClient(50027, "The client_assertion_type '%s' is not supported.", kind)
	}
	claims := jwt.RegisteredClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"PS256"}), jwt.WithLeeway(skew), jwt.WithExpirationRequired())
	token, err := parser.ParseWithClaims(assertion, &claims, t.assertionKey)
	switch {
	case errors.Is(err, errUnknownThumbprint):
		return invalidClient(700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '%s']", thumbprintOf(token))
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return invalidClient(700024, "Client assertion is not within its valid time range. Current time: %s.", time.Now().UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalidClient(50027, "JWT token is invalid or malformed.")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return invalidClient(700027, "Client assertion contains an invalid signature. [Reason - The signature does not match the key.]")
	case err != nil:
		return invalidClient(50027, "JWT token is invalid or malformed.")
	}
	return t.checkAssertionClaims(claims)
}

func (t *Tenant) checkAssertionClaims(claims jwt.RegisteredClaims) *tokenRefusal {
	switch {
	case !strings.EqualFold(claims.Issuer, t.ClientID) || !strings.EqualFold(claims.Subject, t.ClientID):
		return invalidClient(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
	case !slices.ContainsFunc(claims.Audience, t.isTokenEndpoint):
		return invalidClient(700023, "Client assertion audience claim does not match Realm issuer.")
	case claims.ID == "":
		return invalidClient(50027, "JWT token is invalid or malformed.")
	}
	return nil
}

func invalidClient(code int, format string, args ...any) *tokenRefusal {
	return aadsts(http.StatusUnauthorized, "invalid_client", code, format, args...)
}

var errUnknownThumbprint = errors.New("unknown thumbprint")

// assertionKey gives the registered key when the header names its certificate by SHA-256 thumbprint.
func (t *Tenant) assertionKey(token *jwt.Token) (any, error) {
	registered, err := t.registered()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(decodeThumbprint(token), registered.thumbprint[:]) {
		return nil, errUnknownThumbprint
	}
	return registered.key, nil
}

// decodeThumbprint takes both alphabets of base64, as Entra does.
func decodeThumbprint(token *jwt.Token) []byte {
	text, _ := token.Header["x5t#S256"].(string)
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	sum, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return sum
}

func thumbprintOf(token *jwt.Token) string {
	if token == nil {
		return ""
	}
	return strings.ToUpper(hex.EncodeToString(decodeThumbprint(token)))
}

// isTokenEndpoint says whether an audience is this tenant's token endpoint or its issuer, on any name of loopback.
func (t *Tenant) isTokenEndpoint(audience string) bool {
	for _, host := range t.hosts() {
		base := host + "/" + t.TenantID
		if audience == base+"/oauth2/v2.0/token" || audience == base+"/v2.0" {
			return true
		}
	}
	return false
}

// hosts are the addresses that the tenant answers at.
func (t *Tenant) hosts() []string {
	port := strings.TrimPrefix(t.AuthorityURL, "https://localhost")
	hosts := []string{"https://localhost" + port, "https://127.0.0.1" + port}
	t.aliases.Range(func(url, _ any) bool {
		hosts = append(hosts, url.(string))
		return true
	})
	return hosts
}
