//go:build !windows

package torture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
)

// editKind is what an administrator does to a holder.
type editKind string

const (
	addOwn     editKind = "add an alias"
	dropOwn    editKind = "remove an alias of his own"
	addX500    editKind = "add an X500 value"
	addSIP     editKind = "add a SIP value"
	recase     editKind = "spell an alias otherwise"
	movePrime  editKind = "make another address the primary"
	touchMail  editKind = "spell mail otherwise"
	replaceAll editKind = "replace the whole attribute"
	rename     editKind = "rename the object"
	move       editKind = "move the object"
)

// editKinds lists them, the more usual ones more often.
func editKinds() []editKind {
	return []editKind{addOwn, addOwn, addOwn, dropOwn, dropOwn, addX500, addSIP, recase, recase, movePrime, touchMail, replaceAll, replaceAll, rename, move}
}

// foreigner is the second writer: an administrator with his own tools, who knows nothing of aliasd.
type foreigner struct {
	world  *World
	ledger *ledger
	dir    string // for what programs need

	mu   sync.Mutex
	conn *ldap.Conn
	// waiting are the edits that wait for their occasion.
	waiting map[occasion][]edit
	// done counts the edits that took effect, vain those that the directory refused because aliasd was faster.
	done, vain int
}

func newForeigner(ctx context.Context, w *World, l *ledger, dir string) (*foreigner, error) {
	conn, err := w.box.Site.Dial(ctx, w.box.Site.Admin)
	return &foreigner{world: w, ledger: l, conn: conn, dir: dir, waiting: map[occasion][]edit{}}, err
}

func (f *foreigner) close() error { return f.conn.Close() }

// run makes the edits at their times.
func (f *foreigner) run(ctx context.Context, began time.Time, edits []edit) error {
	for _, e := range edits {
		select {
		case <-time.After(time.Until(began.Add(e.at))):
		case <-ctx.Done():
			return nil
		}
		if e.when != anyTime {
			f.mu.Lock()
			f.waiting[e.when] = append(f.waiting[e.when], e)
			f.mu.Unlock()
			continue
		}
		if err := f.make(ctx, e, f.ledger.holders[e.holder]); err != nil {
			return fmt.Errorf("the second writer: %s: %w", e.kind, err)
		}
	}
	return nil
}

// ambush makes the next edit that waits for an occasion, to the holder with which it has come.
func (f *foreigner) ambush(when occasion, h *holder) error {
	f.mu.Lock()
	var next []edit
	if queue := f.waiting[when]; len(queue) > 0 {
		next, f.waiting[when] = queue[:1], queue[1:]
	}
	f.mu.Unlock()
	for _, e := range next {
		if err := f.make(context.Background(), e, h); err != nil {
			return fmt.Errorf("the second writer, %s: %s: %w", when, e.kind, err)
		}
	}
	return nil
}

// make makes one edit. The administrator looks first, thinks, and edits then: what he has seen may be old by that time.
func (f *foreigner) make(ctx context.Context, e edit, h *holder) error {
	seen, err := f.ledger.read(h)
	if err != nil {
		return err
	}
	do := f.plan(ctx, e, h, seen)
	if do == nil {
		return nil
	}
	if e.when == anyTime {
		time.Sleep(e.think)
	}
	d, err := f.ledger.act(h, string(e.kind), do)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case overtaken(err):
		f.vain++
		return nil
	case err == nil && d.took():
		f.done++
	}
	return err
}

// overtaken says that a value was not there any more, or there already: somebody was faster.
func overtaken(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultConstraintViolation) ||
		errors.Is(err, errProgramRefused)
}

// plan says what to do, nil where there is nothing that the edit could be made on.
func (f *foreigner) plan(ctx context.Context, e edit, h *holder, seen stand) func() error {
	modify := func(delete, add []address.Proxy, mail *address.MailChange) func() error {
		return func() error { return f.modify(ctx, e, h, delete, add, mail) }
	}
	primaries, own := seen.Proxies.Primaries(), f.own(seen)
	fresh := address.Secondary(address.Address(e.token + "@contoso.test"))
	switch {
	case e.kind == addOwn && len(primaries) == 1:
		return modify(nil, []address.Proxy{fresh}, nil)
	case e.kind == dropOwn && len(own) > 0:
		return modify([]address.Proxy{own[e.pick%uint64(len(own))]}, nil, nil)
	case e.kind == addX500:
		return modify(nil, []address.Proxy{address.Proxy("X500:/o=Old/cn=" + e.token)}, nil)
	case e.kind == addSIP && h.object.Kind == site.User:
		return modify(nil, []address.Proxy{address.Proxy("sip:" + e.token + "@contoso.test")}, nil)
	case e.kind == recase:
		return f.respell(e, seen, modify)
	case e.kind == movePrime && len(primaries) == 1 && strings.EqualFold(seen.Mail, string(primaries[0].Address())):
		old, chosen := primaries[0].Address(), fresh.Address()
		return modify([]address.Proxy{primaries[0]}, []address.Proxy{address.Secondary(old), address.Primary(chosen)},
			&address.MailChange{Old: seen.Mail, New: string(chosen)})
	case e.kind == touchMail && seen.Mail != "":
		return modify(nil, nil, &address.MailChange{Old: seen.Mail, New: otherCase(seen.Mail)})
	case e.kind == replaceAll && len(primaries) == 1:
		return func() error { return f.replace(e, h, seen.Proxies.With(fresh)) }
	case e.kind == rename, e.kind == move:
		return func() error { return f.relocate(e, h) }
	}
	return nil
}

// own are the aliases that the administrator added.
func (f *foreigner) own(seen stand) []address.Proxy {
	var own []address.Proxy
	for _, p := range seen.Proxies.SMTP() {
		if !p.IsPrimary() && isOwn(p.Address()) {
			own = append(own, p)
		}
	}
	return own
}

// isOwn knows the administrator's addresses by their names, in any spelling.
func isOwn(a address.Address) bool {
	local := string(a.Key())
	return len(local) > 1 && local[0] == 'f' && local[1] >= '0' && local[1] <= '9'
}

func (f *foreigner) respell(e edit, seen stand, modify func(_, _ []address.Proxy, _ *address.MailChange) func() error) func() error {
	var aliases []address.Proxy
	for _, p := range seen.Proxies.SMTP() {
		if !p.IsPrimary() {
			aliases = append(aliases, p)
		}
	}
	if len(aliases) == 0 {
		return nil
	}
	chosen := aliases[e.pick%uint64(len(aliases))]
	return modify([]address.Proxy{chosen}, []address.Proxy{address.Secondary(address.Address(otherCase(string(chosen.Address()))))}, nil)
}

// otherCase turns the case of the first letter.
func otherCase(s string) string {
	if up := strings.ToUpper(s[:1]); up != s[:1] {
		return up + s[1:]
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// modify names the values, as careful tools do, over LDAP or by the ldapmodify program.
func (f *foreigner) modify(ctx context.Context, e edit, h *holder, delete, add []address.Proxy, mail *address.MailChange) error {
	request := ldap.NewModifyRequest(h.dn(), nil)
	if len(delete) > 0 {
		request.Delete("proxyAddresses", asTexts(delete))
	}
	if len(add) > 0 {
		request.Add("proxyAddresses", asTexts(add))
	}
	if mail != nil {
		request.Delete("mail", []string{mail.Old})
		request.Add("mail", []string{mail.New})
	}
	if e.program && f.world.kind == lab.Samba {
		return f.byProgram(ctx, request)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.Modify(request)
}

func asTexts(proxies []address.Proxy) []string {
	texts := make([]string, len(proxies))
	for i, p := range proxies {
		texts[i] = string(p)
	}
	return texts
}

// replace writes the whole attribute, as ADUC's attribute editor does: what came since it was read is lost, and that is the
// administrator's doing.
func (f *foreigner) replace(e edit, h *holder, values address.Set) error {
	request := ldap.NewModifyRequest(h.dn(), nil)
	request.Replace("proxyAddresses", asTexts(values))
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.Modify(request)
}

// relocate renames the object, or moves it to another unit, wherever it is by now.
func (f *foreigner) relocate(e edit, h *holder) error {
	now, err := f.ledger.read(h)
	if err != nil {
		return err
	}
	rdn, _, _ := strings.Cut(now.DN, ",")
	request := ldap.NewModifyDNRequest(now.DN, rdn, true, "")
	if e.kind == rename {
		request.NewRDN = "CN=" + h.object.Name + " " + e.token
	} else {
		units := []string{site.People, site.Sales, site.Support}
		request.NewSuperior = f.world.box.Site.DN(units[e.pick%uint64(len(units))])
		if strings.EqualFold(now.DN, rdn+","+request.NewSuperior) {
			return nil
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.ModifyDN(request)
}

// errProgramRefused: the ldapmodify program was told that a value is not there, or there already.
var errProgramRefused = errors.New("ldapmodify was refused")

// byProgram has OpenLDAP's or Samba's own program do it.
func (f *foreigner) byProgram(ctx context.Context, request *ldap.ModifyRequest) error {
	var ldif bytes.Buffer
	fmt.Fprintf(&ldif, "dn: %s\nchangetype: modify\n", request.DN)
	for _, c := range request.Changes {
		what := map[uint]string{ldap.AddAttribute: "add", ldap.DeleteAttribute: "delete"}[c.Operation]
		fmt.Fprintf(&ldif, "%s: %s\n", what, c.Modification.Type)
		for _, v := range c.Modification.Vals {
			fmt.Fprintf(&ldif, "%s: %s\n", c.Modification.Type, v)
		}
		ldif.WriteString("-\n")
	}
	dc := f.world.box.Site
	cmd := exec.CommandContext(ctx, "ldapmodify", "-x", "-H", dc.Server, "-D", dc.Admin.User, "-w", dc.Admin.Password)
	ca := filepath.Join(f.dir, "admin-ca.pem")
	if err := os.WriteFile(ca, dc.CA, 0o600); err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+ca)
	cmd.Stdin = &ldif
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == ldap.LDAPResultNoSuchAttribute || exit.ExitCode() == ldap.LDAPResultAttributeOrValueExists) {
		return errProgramRefused
	}
	if err != nil {
		return fmt.Errorf("ldapmodify: %w: %s", err, said)
	}
	return nil
}
