package graph

import (
	"context"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/aliasd/aliasd/cloudcheck"
)

// Finding is one line of `aliasd check`: what was tried, what came of it, and what to do where it is not OK.
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Mend   string
}

const (
	// maxSkew is how far this machine's clock may be off before sign-ins are refused.
	maxSkew = 5 * time.Minute
	// syncOld is three of the sync engine's default cycles.
	syncOld = 90 * time.Minute
)

// Probe tries the sign-in and each permission by a real call, and looks at the values that come back: with too little
// permission some are empty, and the call succeeds all the same.
func (c *Client) Probe(ctx context.Context) []Finding {
	signedIn := c.probeSignIn(ctx)
	if !signedIn.OK {
		return []Finding{signedIn}
	}
	findings := append([]Finding{signedIn}, c.probeOrganization(ctx)...)
	findings = append(findings, c.probeDomains(ctx))
	return append(findings, c.probeCollections(ctx)...)
}

func failed(name string, err error) Finding {
	f := failureOf(err)
	return Finding{Name: name, Detail: f.detail, Mend: f.mend}
}

func (c *Client) probeSignIn(ctx context.Context) Finding {
	const name = "cloud sign-in"
	ctx, cancel := context.WithTimeout(ctx, c.timeout+c.patience)
	defer cancel()
	token, err := c.signIn.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}, EnableCAE: true})
	if err != nil {
		return failed(name, c.explain(area{}, err, note{}))
	}
	return Finding{Name: name, OK: true, Detail: "a token was given, good until " + token.ExpiresOn.UTC().Format("15:04:05 MST")}
}

// probeOrganization reads the sync state; the answer's date tells how far the clock is off.
func (c *Client) probeOrganization(ctx context.Context) []Finding {
	var n note
	t, err := c.organization(ctx, &n)
	if err != nil {
		return []Finding{failed("cloud "+organizationArea().permission, err)}
	}
	return []Finding{c.judgeSync(t), judgeClock(n)}
}

func (c *Client) judgeSync(t cloudcheck.Tenant) Finding {
	f := Finding{Name: "cloud sync state (" + organizationArea().permission + ")"}
	age := c.now().Sub(t.LastSync)
	switch {
	case t.SyncEnabled != nil && !*t.SyncEnabled:
		f.Detail = "directory synchronisation is switched off in the tenant"
		f.Mend = "switch it on, or nothing that is written on-premises arrives"
	case t.LastSync.IsZero():
		f.Detail = "the tenant does not tell when it was last synchronised"
		f.Mend = "grant the application " + organizationArea().permission + ", or start the first sync"
	case age > syncOld:
		f.Detail = fmt.Sprintf("the last sync was at %s, %s ago", t.LastSync.UTC().Format(time.RFC3339), age.Round(time.Minute))
		f.Mend = "look at the sync server (Get-ADSyncScheduler: is it enabled, suspended, or in staging mode?)"
	default:
		f.OK, f.Detail = true, "the last sync was at "+t.LastSync.UTC().Format(time.RFC3339)
	}
	return f
}

func judgeClock(n note) Finding {
	f := Finding{Name: "clock against the cloud"}
	if n.date.IsZero() {
		f.OK, f.Detail = true, "the server tells no time"
		return f
	}
	skew := n.ahead().Round(time.Second)
	f.OK, f.Detail = skew.Abs() <= maxSkew, fmt.Sprintf("%s apart", skew.Abs())
	if !f.OK {
		f.Mend = "set this machine's clock right; sign-ins are refused else"
	}
	return f
}

func (c *Client) probeDomains(ctx context.Context) Finding {
	name := "cloud " + domainsArea().permission
	list, err := c.domains(ctx)
	if err != nil {
		return failed(name, err)
	}
	t := cloudcheck.Tenant{Verified: map[string]bool{}}
	for _, d := range list {
		noteDomain(&t, d)
	}
	if t.InitialDomain == "" {
		return Finding{Name: name, Detail: "the domains show no initial one", Mend: "grant the application " + domainsArea().permission}
	}
	return Finding{Name: name, OK: true, Detail: fmt.Sprintf("%d verified domains, the initial one is %s", len(t.Verified), t.InitialDomain)}
}

// probeCollections reads one object of each collection. Among the users it is a synchronised one, which shows whether the
// on-premises properties come.
func (c *Client) probeCollections(ctx context.Context) []Finding {
	collections := []collection{usersOf(), groupsOf(), contactsOf(), deletedUsersOf(), deletedGroupsOf()}
	questions := make([]*question, len(collections))
	for i, of := range collections {
		q := query{fields: named(of.kind), top: 1}
		if i == 0 {
			q.filter, q.fields = "onPremisesSyncEnabled eq true", shown(of.kind)
		}
		questions[i] = c.question(of, q)
		questions[i].onePage = true
	}
	c.ask(ctx, questions)
	findings := make([]Finding, len(questions))
	for i, q := range questions {
		findings[i] = judgeCollection(q)
	}
	return findings
}

func judgeCollection(q *question) Finding {
	f := Finding{Name: "cloud " + q.of.permission + " for " + q.of.path}
	if q.err != nil {
		return failed(f.Name, q.err)
	}
	hidden := len(q.found) > 0 && (q.found[0].ID == "" ||
		!q.of.deleted && q.of.path == usersArea().path && q.found[0].ImmutableID == "")
	switch {
	case hidden:
		f.Detail = "the call succeeds, but what it shows is empty"
		f.Mend = "grant the application the permission " + q.of.permission + " and give admin consent"
	case len(q.found) == 0:
		f.OK, f.Detail = true, "readable; there is none yet"
	default:
		f.OK, f.Detail = true, "readable"
	}
	return f
}
