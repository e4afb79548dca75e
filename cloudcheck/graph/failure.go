package graph

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/aliasd/aliasd/cause"
)

// area is a part of Graph, with the application permission that reading it takes (Graph permissions reference).
type area struct {
	path       string
	permission string
}

// The areas that are read.
func organizationArea() area { return area{"/organization", "Organization.Read.All"} }
func domainsArea() area      { return area{"/domains", "Domain.Read.All"} }
func usersArea() area        { return area{"/users", "User.Read.All"} }
func groupsArea() area       { return area{"/groups", "Group.Read.All"} } // GroupMember.Read.All would do here, but not for deleted ones
func contactsArea() area     { return area{"/contacts", "OrgContact.Read.All"} }
func deletedUsersArea() area {
	return area{"/directory/deletedItems/microsoft.graph.user", "User.Read.All"}
}
func deletedGroupsArea() area {
	return area{"/directory/deletedItems/microsoft.graph.group", "Group.Read.All"}
}
func batchArea() area { return area{"/$batch", ""} }

// failure is why Graph could not be asked: what happened, and what to do about it.
type failure struct {
	code   cause.Code
	detail string
	mend   string
	err    error
	// status is Graph's answer, 0 where there was none; hopeless says that the next call would fail the same way.
	status   int
	hopeless bool
	// graph is the error code of Graph's own, "" where it gave none, and retryAfter what it said of the next try.
	graph, retryAfter string
}

func (f *failure) Error() string {
	if f.err == nil {
		return f.detail
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// cause makes the public sentence of it.
func (f *failure) cause() *cause.Error {
	return cause.Wait(f.code, "%s; %s", f.detail, f.mend).Because(f)
}

func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return away("Microsoft Graph could not be asked", "it is tried again", err)
}

// away is a failure of which no status tells.
func away(detail, mend string, err error) *failure {
	return &failure{code: cause.CloudUnavailable, detail: detail, mend: mend, err: err}
}

// throttled is a wait that is longer than our patience. Nothing is to be done but to wait.
func throttled(until time.Time) *failure {
	return &failure{code: cause.Throttled, status: http.StatusTooManyRequests, hopeless: true,
		detail: "Microsoft Graph wants fewer requests and asks to wait until " + until.UTC().Format("15:04:05 MST"),
		mend:   "it is tried again then; the limit is that of this app registration alone: if this happens often, somebody else uses the same registration, or aliasd asks too much (verify.units_per_tick)"}
}

// explain says what a failed call means. The status decides where there was an answer, since the SDK loses it when the
// body of an error is no JSON.
func (c *Client) explain(what area, err error, n note) *failure {
	var refused *signInError
	switch {
	case errors.As(err, &refused):
		return c.explainSignIn(refused)
	case errors.Is(err, context.Canceled):
	case n.status == http.StatusTooManyRequests:
		f := throttled(c.gate.close(c.now(), waitFor(n.retryAfter, maxTries, c.now())))
		f.err = err
		return f
	case n.status >= 400:
		f := c.explainStatus(what, n.status, odataCode(err))
		f.err, f.retryAfter = err, n.retryAfter
		return f
	case n.status != 0 && !timedOut(err):
		return &failure{code: cause.CloudUnavailable, status: n.status, err: err,
			detail: fmt.Sprintf("Microsoft Graph's answer to %s could not be read", what.path),
			mend:   "it is tried again; if it stays, look for a proxy that changes or cuts answers"}
	}
	return c.explainNetwork("Microsoft Graph", c.adapter.GetBaseUrl(), "graph_url", err)
}

// odataCode is the error code of Graph's answer, "" where it gave none.
func odataCode(err error) string {
	var odata *odataerrors.ODataError
	if !errors.As(err, &odata) || odata.GetErrorEscaped() == nil || odata.GetErrorEscaped().GetCode() == nil {
		return ""
	}
	return *odata.GetErrorEscaped().GetCode()
}

// explainStatus says what an error status means; code is Graph's own, "" where it gave none.
func (c *Client) explainStatus(what area, status int, code string) *failure {
	f := &failure{code: cause.CloudUnavailable, status: status, graph: code, detail: refusedBy(what, status, code)}
	switch {
	case status == http.StatusUnauthorized:
		f.hopeless = true
		f.mend = "the token is not accepted: check cloud.environment and cloud.tenant_id, and this machine's clock"
	case status == http.StatusForbidden && what.permission != "":
		c.signIn.renew(c.signIn.age()) // the permission may have been granted since the token was made
		f.mend = "grant the application the permission " + what.permission + " and give admin consent"
	case status == http.StatusForbidden:
		f.hopeless = true
		f.mend = "look whether a conditional access policy or a proxy keeps the application out"
	case status >= 500:
		f.mend = "it is tried again; see the tenant's service health if it stays"
	default:
		f.mend = "it is tried again; if it stays, report it with the log of aliasd"
	}
	return f
}

func refusedBy(what area, status int, code string) string {
	text := fmt.Sprintf("Microsoft Graph answered %s with %d %s", what.path, status, http.StatusText(status))
	if code != "" {
		text += " (" + code + ")"
	}
	return text
}

// explainNetwork says why a server was not reached, or did not answer.
func (c *Client) explainNetwork(name, server, key string, err error) *failure {
	f := &failure{code: cause.CloudUnavailable, hopeless: true, err: err}
	var untrusted x509.UnknownAuthorityError
	var wrongHost x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unresolved *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		f.detail, f.mend = name+" was not waited for: the service is stopping, or the caller went away", "it is tried again"
	case errors.As(err, &untrusted), errors.As(err, &wrongHost), errors.As(err, &invalid):
		f.detail = fmt.Sprintf("the certificate of %s is not good", server)
		f.mend = fmt.Sprintf("check cloud.%s, this machine's clock, and cloud.ca_file if a proxy or a simulator stands there", key)
	case errors.As(err, &unresolved):
		f.detail = fmt.Sprintf("the name %s is not known to DNS", unresolved.Name)
		f.mend = fmt.Sprintf("check cloud.%s if it is set, and the name servers and the proxy of this machine", key)
	case timedOut(err):
		f.detail = fmt.Sprintf("%s (%s) did not answer within %s", name, server, c.timeout)
		f.mend = "it is tried again; check network, proxy and firewall if it stays"
	default:
		f.detail = fmt.Sprintf("%s (%s) is not reached", name, server)
		f.mend = fmt.Sprintf("check cloud.%s if it is set, network, proxy and firewall", key)
	}
	return f
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
