package graph

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/aliasd/aliasd/cause"
)

// explainSignIn says why no token was given. Entra names the reason by an AADSTS number (Microsoft Entra
// authentication and authorization error codes).
func (c *Client) explainSignIn(err *signInError) *failure {
	f := &failure{code: cause.CloudUnavailable, hopeless: true, err: err}
	number := aadsts(err.Error())
	switch {
	case err.last.err != nil:
		f = c.explainNetwork("Entra's sign-in server", c.authority, "authority_url", err.last.err)
		f.err = err
	case err.last.status == http.StatusTooManyRequests:
		f.code, f.detail, f.mend = cause.Throttled, "Entra wants fewer sign-ins", "it is tried again"
	case number != "":
		words, mend := signInWords(number)
		f.detail, f.mend = fmt.Sprintf("Entra refuses the sign-in: %s (AADSTS%s)", words, number), mend
	case err.last.status >= 400:
		f.detail = fmt.Sprintf("Entra answered the sign-in with %d %s", err.last.status, http.StatusText(err.last.status))
		f.mend = "it is tried again; see the tenant's service health if it stays"
	case err.last.status != 0:
		f.detail = "Entra's answer to the sign-in could not be read"
		f.mend = "check cloud.authority_url, and look for a proxy that changes answers"
	default:
		f.detail = "the application's credential cannot be used"
		f.mend = "check cloud.certificate, cloud.client_secret or cloud.managed_identity; the log says more"
	}
	return f
}

// aadsts finds the number of an Entra error in its text.
func aadsts(text string) string {
	found := regexp.MustCompile(`AADSTS(\d+)`).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1]
}

// signInWords says in words what an AADSTS number means, and what to do.
func signInWords(number string) (detail, mend string) {
	switch number {
	case "7000215":
		return "the client secret is wrong", "put the secret's value (not its id) into cloud.client_secret"
	case "7000222":
		return "the client secret has expired", "make a new secret in the app registration and put it into cloud.client_secret"
	case "700016":
		return "the tenant does not know the application", "check cloud.client_id and cloud.tenant_id, and that admin consent was given in this tenant"
	case "700027":
		return "the certificate is not the one of the application, or its signature does not fit", "upload the public part of cloud.certificate to the app registration"
	case "700024":
		return "the sign-in is outside its time", "set this machine's clock right"
	case "90002", "900023":
		return "there is no such tenant", "check cloud.tenant_id and cloud.environment"
	case "500011":
		return "the tenant does not know Microsoft Graph by this name", "check cloud.environment"
	case "7000112":
		return "the application is disabled", "enable it among the tenant's enterprise applications"
	case "7000216", "7000218":
		return "no credential was sent", "check cloud.certificate or cloud.client_secret"
	case "53003":
		return "a conditional access policy keeps the application out", "exclude the application or this machine's address from the policy"
	}
	return "no token is given", "look the code up in Microsoft's list of AADSTS errors"
}
