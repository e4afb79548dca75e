package tenant

import (
	"net/http"
	"slices"
	"strings"
)

// isTenant says whether the tenant goes by that name in an authority's path: its GUID, or one of its verified domains.
func (t *Tenant) isTenant(name string) bool {
	if strings.EqualFold(name, t.TenantID) {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.world.domains, func(d domain) bool { return d.verified && strings.EqualFold(d.name, name) })
}

// serveOpenID is GET /{tenant}/v2.0/.well-known/openid-configuration.
func (t *Tenant) serveOpenID(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("tenant"); !t.isTenant(name) {
		refusal := unknownTenant(name)
		refusal.kind = "invalid_tenant"
		t.refuseToken(w, refusal)
		return
	}
	base := "https://" + r.Host + "/" + t.TenantID
	t.write(w, http.StatusOK, nil, map[string]any{
		"issuer":                                base + "/v2.0",
		"authorization_endpoint":                base + "/oauth2/v2.0/authorize",
		"token_endpoint":                        base + "/oauth2/v2.0/token",
		"jwks_uri":                              base + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   "microsoftonline.com",
		"msgraph_host":                          r.Host,
	})
}

// serveInstance is GET /common/discovery/instance, by which clients learn the aliases of an authority.
func (t *Tenant) serveInstance(w http.ResponseWriter, r *http.Request) {
	t.write(w, http.StatusOK, nil, map[string]any{
		"tenant_discovery_endpoint": "https://" + r.Host + "/" + t.TenantID + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []map[string]any{{
			"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host},
		}},
	})
}
