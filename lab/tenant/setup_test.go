package tenant_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/lab/tenant"
)

// bundle is one tenant and a client that trusts it and has a token.
type bundle struct {
	*tenant.Tenant
	client *http.Client
	token  string
}

func start(t testing.TB, o tenant.Options) *bundle {
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
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ten.CA) {
		t.Fatal("the tenant's CA is no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	b := &bundle{Tenant: ten, client: &http.Client{Transport: transport}}
	b.token = b.newToken(t)
	ten.ResetCalls()
	return b
}

// newToken asks for a token with the secret.
func (b *bundle) newToken(t testing.TB) string {
	t.Helper()
	status, body := b.askToken(t, b.TenantID, b.secretForm())
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || token == "" {
		t.Fatalf("no token: %d %v", status, body)
	}
	return token
}

func (b *bundle) secretForm() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {b.ClientID}, "client_secret": {b.ClientSecret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
}

func (b *bundle) askToken(t testing.TB, tenantName string, form url.Values) (int, map[string]any) {
	t.Helper()
	response, err := b.client.PostForm(b.AuthorityURL+"/"+tenantName+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, decode(t, response)
}

// reply is what Graph answered.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// code is the code of an error body.
func (r reply) code() string {
	e, _ := r.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (r reply) message() string {
	e, _ := r.body["error"].(map[string]any)
	message, _ := e["message"].(string)
	return message
}

// rows are the entities of a collection.
func (r reply) rows() []map[string]any {
	list, _ := r.body["value"].([]any)
	rows := make([]map[string]any, 0, len(list))
	for _, e := range list {
		rows = append(rows, e.(map[string]any))
	}
	return rows
}

// names are the displayNames of a collection.
func (r reply) names() string {
	var names []string
	for _, row := range r.rows() {
		name, _ := row["displayName"].(string)
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// get reads below /v1.0; options are pairs of query options, header names beginning with a colon.
func (b *bundle) get(t *testing.T, path string, options ...string) reply {
	t.Helper()
	query, header := url.Values{}, http.Header{}
	for i := 0; i+1 < len(options); i += 2 {
		if name, isHeader := strings.CutPrefix(options[i], ":"); isHeader {
			header.Set(name, options[i+1])
			continue
		}
		query.Set(options[i], options[i+1])
	}
	target := b.URL + "/v1.0" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	return b.do(t, http.MethodGet, target, header, nil)
}

func (b *bundle) do(t *testing.T, method, target string, header http.Header, body any) reply {
	t.Helper()
	request := b.request(t, method, target, header, body)
	response, err := b.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: decode(t, response)}
}

func (b *bundle) request(t testing.TB, method, target string, header http.Header, body any) *http.Request {
	t.Helper()
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target, content)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if b.token != "" {
		request.Header.Set("Authorization", "Bearer "+b.token)
	}
	return request
}

// decode reads a JSON object, or puts anything else under "".
func decode(t testing.TB, response *http.Response) map[string]any {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var value any
	if len(content) > 0 {
		if err := json.Unmarshal(content, &value); err != nil {
			t.Fatalf("%v in %q", err, content)
		}
	}
	if object, ok := value.(map[string]any); ok {
		return object
	}
	return map[string]any{"": value}
}
