package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab/directory"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/syncengine"
	"github.com/aliasd/aliasd/lab/tenant"
)

// What the audit's lab has: holders in units, a few of each hundred being groups and contacts, and defects at some places
// of each thousand users.
const (
	auditedHolders = 100_000
	auditedUnits   = 40
	auditSeed      = 20261121
)

// defects are how users are wrong, by their number modulo 1,000.
const (
	withTwoPrimaries = iota + 1
	withOtherMail
	withUnverified
	withSpace
	withTwin
	withTwinToo
	outOfScope
)

// auditLab is how the other processes reach the lab.
type auditLab struct {
	Server, BaseDN string
	CA             []byte
	Service        site.Login
	Tenant         struct {
		URL, AuthorityURL, TenantID, ClientID, ClientSecret string
		CA                                                  []byte
	}
}

// site is the directory, for those who connect to it.
func (l *auditLab) site() *site.Site {
	return &site.Site{Server: l.Server, BaseDN: l.BaseDN, CA: l.CA, Service: l.Service}
}

// labReply is the lab's answer to a line: how often it was called.
type labReply struct {
	Lab   *auditLab
	Calls int
}

// generate makes the holders, the same ones each time.
func generate(n int) []site.Object {
	random := rand.New(rand.NewPCG(auditSeed, 0))
	var list []site.Object
	for u := range auditedUnits {
		list = append(list, site.Object{Kind: site.OU, Name: unitName(u)})
	}
	for i := range n {
		unit := "OU=" + unitName(random.IntN(auditedUnits)) + "," + site.People
		switch i % 100 {
		case 97, 98:
			a := fmt.Sprintf("team%d@contoso.com", i)
			list = append(list, site.Object{Kind: site.Group, Name: fmt.Sprintf("Team %d", i), Account: fmt.Sprintf("team%d", i), OU: unit, Mail: a,
				Nickname: fmt.Sprintf("team%d", i), Proxies: []string{"SMTP:" + a, fmt.Sprintf("smtp:group%d@contoso.com", i)}})
		case 99:
			a := fmt.Sprintf("partner%d@fabrikam.example", i)
			list = append(list, site.Object{Kind: site.Contact, Name: fmt.Sprintf("Partner %d", i), OU: unit, Mail: a, Nickname: fmt.Sprintf("partner%d", i),
				Proxies: []string{"SMTP:" + a}, Attributes: map[string][]string{"targetAddress": {"SMTP:" + a}}})
		default:
			list = append(list, generateUser(i, unit, random))
		}
	}
	return list
}

func unitName(u int) string { return fmt.Sprintf("Unit %02d", u) }

func generateUser(i int, unit string, random *rand.Rand) site.Object {
	account := fmt.Sprintf("user%06d", i)
	upn := fmt.Sprintf("%s.person%06d@contoso.com", []string{"anna", "bernd", "chloe", "dmitri", "elif"}[random.IntN(5)], i)
	o := site.Object{Kind: site.User, Name: fmt.Sprintf("Person %06d", i), Account: account, OU: unit, UPN: upn, Mail: upn, Nickname: account,
		Proxies: []string{"SMTP:" + upn, "smtp:" + account + "@contoso.com"}}
	for extra := range random.IntN(3) {
		o.Proxies = append(o.Proxies, fmt.Sprintf("smtp:alias%d.%06d@contoso.test", extra, i))
	}
	switch i % 1000 {
	case withTwoPrimaries:
		o.Proxies = append(o.Proxies, fmt.Sprintf("SMTP:second%06d@contoso.com", i))
	case withOtherMail:
		o.Mail = fmt.Sprintf("former%06d@contoso.com", i)
	case withUnverified:
		o.Proxies = append(o.Proxies, fmt.Sprintf("smtp:%06d@unverified.example", i))
	case withSpace:
		o.Proxies = append(o.Proxies, fmt.Sprintf("smtp:a space%06d@contoso.com", i))
	case withTwin, withTwinToo:
		o.Proxies = append(o.Proxies, fmt.Sprintf("smtp:shared%06d@contoso.com", i/1000))
	case outOfScope:
		o.OU = site.Locked
	}
	return o
}

// expected are the findings that are wrong, by code, that the generated holders have.
func expected(n int) map[cause.Code]int {
	thousands := n / 1000
	return map[cause.Code]int{cause.TwoPrimaries: thousands, cause.MailDiffers: thousands, cause.DomainNotVerified: thousands, cause.ValueDiscarded: thousands,
		cause.DuplicateOnPremises: 2 * thousands, cause.Quarantined: thousands}
}

// playLab is the process that the lab runs in: it answers each line of standard input until that ends.
func playLab() error {
	dc, cloud, err := startSides()
	if err != nil {
		return err
	}
	seen := &auditLab{Server: dc.Server, BaseDN: dc.BaseDN, CA: dc.CA, Service: dc.Service}
	seen.Tenant.URL, seen.Tenant.AuthorityURL, seen.Tenant.CA = cloud.URL, cloud.AuthorityURL, cloud.CA
	seen.Tenant.TenantID, seen.Tenant.ClientID, seen.Tenant.ClientSecret = cloud.TenantID, cloud.ClientID, cloud.ClientSecret
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(labReply{Lab: seen}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := out.Encode(labReply{Calls: cloud.Calls().HTTP}); err != nil {
			return err
		}
	}
	return nil
}

// startSides starts both sides and synchronises them once.
func startSides() (*site.Site, *tenant.Tenant, error) {
	// Nobody touched the holders for two days, so nothing that differs is only late.
	d, err := directory.Start(directory.Options{Objects: generate(auditedHolders), Now: func() time.Time { return time.Now().Add(-48 * time.Hour) }})
	if err != nil {
		return nil, nil, err
	}
	cloud, err := tenant.Start(tenant.Options{LicenceNew: true})
	if err != nil {
		return nil, nil, err
	}
	engine, err := syncengine.New(d.Site(), cloud, syncengine.Options{OUs: []string{site.People}, PageSize: 1000})
	if err != nil {
		return nil, nil, err
	}
	return d.Site(), cloud, engine.Cycle(context.Background())
}

// labProcess is the lab, seen from outside.
type labProcess struct {
	*auditLab
	in      io.WriteCloser
	replies *json.Decoder
}

func startLab(b *testing.B) *labProcess {
	b.Helper()
	c := role(b, "lab")
	in, err := c.StdinPipe()
	must(b, err)
	out, err := c.StdoutPipe()
	must(b, err)
	must(b, c.Start())
	b.Cleanup(func() {
		must(b, in.Close())
		must(b, c.Wait())
	})
	p := &labProcess{in: in, replies: json.NewDecoder(out)}
	p.auditLab = p.reply(b).Lab
	return p
}

// calls is how many HTTP calls the tenant was asked so far.
func (p *labProcess) calls(b *testing.B) int {
	b.Helper()
	_, err := fmt.Fprintln(p.in, "calls")
	must(b, err)
	return p.reply(b).Calls
}

func (p *labProcess) reply(b *testing.B) labReply {
	b.Helper()
	var r labReply
	must(b, p.replies.Decode(&r))
	return r
}

// roleVariable names the part that a process of this test binary plays instead of running tests.
const roleVariable = "ALIASD_BENCH_ROLE"

// role makes a process of this test binary that plays a part.
func role(b *testing.B, name string) *exec.Cmd {
	b.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleVariable+"="+name)
	c.Stderr = os.Stderr
	return c
}

func TestMain(m *testing.M) {
	parts := map[string]func() error{"lab": playLab, "audit": playAudit}
	play, ok := parts[os.Getenv(roleVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := play(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
