package bench

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// bareCost is what reading every page of both sides costs without us.
type bareCost struct{ directory, tenant time.Duration }

// least takes the quicker one of each side.
func (c bareCost) least(d bareCost, round int) bareCost {
	if round == 0 {
		return d
	}
	return bareCost{min(c.directory, d.directory), min(c.tenant, d.tenant)}
}

func readBare(b *testing.B, l *auditLab) bareCost {
	b.Helper()
	began := time.Now()
	n := bareDirectory(b, l)
	c := bareCost{directory: time.Since(began)}
	if n < auditedHolders {
		b.Fatalf("%d entries", n)
	}
	began = time.Now()
	bareTenant(b, l)
	c.tenant = time.Since(began)
	b.Logf("bare: the directory %s, the tenant %s", c.directory, c.tenant)
	return c
}

// bareDirectory pages through the directory with the attributes, the filter and the page size of the audit.
func bareDirectory(b *testing.B, l *auditLab) (n int) {
	b.Helper()
	conn, err := l.site().Dial(b.Context(), l.Service)
	must(b, err)
	defer conn.Close()
	paging := ldap.NewControlPaging(1000)
	request := ldap.NewSearchRequest(l.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(&(|(objectClass=user)(objectClass=group)(objectClass=contact))(!(objectClass=computer)))",
		[]string{"objectClass", "objectGUID", "mS-DS-ConsistencyGuid", "objectSid", "displayName", "cn", "userPrincipalName", "sAMAccountName", "mail",
			"proxyAddresses", "mailNickname", "targetAddress", "msExchRemoteRecipientType", "msExchRecipientTypeDetails", "msExchPoliciesIncluded",
			"msExchPoliciesExcluded", "isCriticalSystemObject", "whenChanged", "uSNChanged"}, []ldap.Control{paging})
	for {
		result, err := conn.Search(request)
		must(b, err)
		n += len(result.Entries)
		next, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return n
		}
		paging.SetCookie(next.Cookie)
	}
}

// bareTenant gets the pages of users, groups and contacts that the audit gets, one after the other. Of a body only the
// end, where the address of the next page stands, is looked at.
func bareTenant(b *testing.B, l *auditLab) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.roots(), MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	token := bareToken(b, client, l)
	const shown = "id,displayName,mail,mailNickname,proxyAddresses,onPremisesSyncEnabled,onPremisesLastSyncDateTime,onPremisesProvisioningErrors"
	const sid = ",onPremisesSecurityIdentifier"
	for path, fields := range map[string]string{
		"users":    shown + ",userPrincipalName,onPremisesUserPrincipalName,onPremisesImmutableId,assignedPlans" + sid,
		"groups":   shown + sid,
		"contacts": shown,
	} {
		for at := l.Tenant.URL + "/v1.0/" + path + "?$top=999&$select=" + url.QueryEscape(fields); at != ""; {
			at = barePage(b, client, at, token)
		}
	}
}

func bareToken(b *testing.B, client *http.Client, l *auditLab) string {
	b.Helper()
	answer, err := client.PostForm(fmt.Sprintf("%s/%s/oauth2/v2.0/token", l.Tenant.AuthorityURL, l.Tenant.TenantID), url.Values{
		"grant_type": {"client_credentials"}, "client_id": {l.Tenant.ClientID}, "client_secret": {l.Tenant.ClientSecret},
		"scope": {"https://graph.microsoft.com/.default"}})
	must(b, err)
	defer answer.Body.Close()
	var body struct {
		Token string `json:"access_token"`
	}
	must(b, json.NewDecoder(answer.Body).Decode(&body))
	return body.Token
}

// barePage reads one page and gives the address of the next. The lab writes it before the objects, as Graph does.
func barePage(b *testing.B, client *http.Client, at, token string) (next string) {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, at, nil)
	must(b, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	must(b, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("%s answered %s", at, answer.Status)
	}
	body := bufio.NewReaderSize(answer.Body, 16<<10)
	head, err := body.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
	_, err = io.Copy(io.Discard, body)
	must(b, err)
	if _, rest, more := strings.Cut(string(head), `"@odata.nextLink":`); more {
		must(b, json.NewDecoder(strings.NewReader(rest)).Decode(&next))
	}
	return next
}
