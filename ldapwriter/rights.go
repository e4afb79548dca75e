package ldapwriter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Rights says what the bound account may write on one holder, as the first server that serves computes it
// (allowedAttributesEffective, MS-ADTS 3.1.1.4.5.20). Errors: unknown_holder, Wait(directory_unavailable).
func (d *Directory) Rights(ctx context.Context, guid address.GUID) (Rights, error) {
	var found effective
	err := d.first(ctx, func(_ *server, c *session) error {
		var err error
		found, err = c.effective(guid)
		return err
	})
	if missing(err) {
		return Rights{}, goneHolder(guid).Because(err)
	}
	return found.Rights, err
}

// effective is what the account may write, and what decides about it.
type effective struct {
	Rights
	class     string // the object's own class, as dsacls wants it
	protected bool   // its permissions come from AdminSDHolder (adminCount)
}

func (c *session) effective(guid address.GUID) (effective, error) {
	e, err := c.base(guidDN(guid[:]), []string{"allowedAttributesEffective", "adminCount", attrClass})
	if err != nil {
		return effective{}, err
	}
	may := func(name string) bool {
		return slices.ContainsFunc(values(e, "allowedAttributesEffective"), func(a string) bool { return strings.EqualFold(a, name) })
	}
	found := effective{
		Rights:    Rights{ProxyAddresses: may(attrProxies), Mail: may(attrMail)},
		protected: number(value(e, "adminCount")) > 0,
	}
	if kind, ok := kindOf(values(e, attrClass)); ok {
		found.class = string(kind)
	}
	return found, nil
}

// noRights words the refusal of a modify: which attribute may not be written, and the command that gives the right.
func (w *writing) noRights(ctx context.Context, answer *ldap.Error) error {
	found := effective{class: string(w.job.Entry.Kind)}
	err := w.server.read(ctx, func(c *session) error {
		var err error
		found, err = c.effective(w.job.Entry.GUID)
		return err
	})
	lacking := lacking(w.job.Change, found.Rights)
	if err != nil || len(lacking) == 0 {
		lacking = needed(w.job.Change) // the server does not tell, or it has changed its mind meanwhile
	}
	holder, account := w.job.Entry.Holder, w.server.binder.Account()
	return cause.Refuse(cause.NoRights, "%s may not write %s of %s (%s); give it that right: %s", account,
		strings.Join(lacking, " and "), holder.Name, holder.DN, grant(holder.DN, account, lacking, found)).Because(answer)
}

// needed are the attributes that a change writes.
func needed(c address.Change) []string {
	var names []string
	if len(c.Add)+len(c.Delete) > 0 {
		names = append(names, attrProxies)
	}
	if c.Mail != nil && c.Mail.Old != c.Mail.New {
		names = append(names, attrMail)
	}
	return names
}

// lacking are those of them that may not be written.
func lacking(c address.Change, r Rights) []string {
	return slices.DeleteFunc(needed(c), func(name string) bool {
		return name == attrProxies && r.ProxyAddresses || name == attrMail && r.Mail
	})
}

// grant is the dsacls command that gives the rights: on the parent, for the holders below it, or on AdminSDHolder, from
// which members of protected groups get their permissions within the hour (MS-ADTS 3.1.1.6.1).
func grant(dn address.DN, account string, names []string, found effective) string {
	var rights []string
	for _, name := range names {
		right := fmt.Sprintf(`"%s:WP;%s"`, account, name)
		if !found.protected {
			right = fmt.Sprintf(`"%s:WP;%s;%s"`, account, name, found.class)
		}
		rights = append(rights, right)
	}
	if found.protected {
		return fmt.Sprintf(`it is protected by AdminSDHolder, so dsacls "CN=AdminSDHolder,CN=System,%s" /G %s, and it counts an hour later`,
			domainOf(dn), strings.Join(rights, " "))
	}
	return fmt.Sprintf(`dsacls "%s" /I:S /G %s`, dn.Parent(), strings.Join(rights, " "))
}

// domainOf is the end of the DN that is made of DC components.
func domainOf(dn address.DN) string {
	rest := string(dn)
	for rest != "" && !strings.HasPrefix(strings.ToUpper(rest), "DC=") {
		parent := address.DN(rest).Parent()
		if parent == rest {
			break
		}
		rest = parent
	}
	return rest
}
