package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
	"github.com/aliasd/aliasd/strictjson"
)

func (a *app) predictCommand() *cobra.Command {
	return &cobra.Command{Use: "predict", Short: "Predict what Entra makes of on-premises values",
		Long: `Predict what Entra calculates from a holder's on-premises values: mail, mailNickname, UPN and proxyAddresses in
the cloud, which values are discarded and why, and what had to be assumed because Microsoft's documents do not say it.

Reads JSON objects from standard input, one on a line or each over several lines, and prints one JSON object on a line
for each, in order, as soon as it is read. It needs no settings file, no directory and no tenant.

tenant.initial_domain and holder.kind (user, group or contact) are required; what else is absent, or null, is not set.
previous is what the cloud showed before; without it, it is a first sync. The four random digits of an address that
collides print as ` + proxycalc.Unknown + `. docs/cli.md has all fields.

What is wrong with the input is named with its line and ends the program with exit code 2; the answers before are good.`,
		Example: `  printf '%s\n' '{
    "tenant": {"initial_domain": "contoso.onmicrosoft.com",
               "verified_domains": ["contoso.com"]},
    "holder": {"kind": "user", "user_principal_name": "jdoe@contoso.com",
               "proxy_addresses": ["smtp:j.doe@contoso.com"],
               "exchange_licensed": true}}' | aliasd predict`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return a.predict(c.Context()) }}
}

// inputError is what is wrong with standard input, and where: the line and the column in bytes, both from 1; 0 for all
// of it.
type inputError struct {
	line    int
	column  int64
	problem string
}

func (e *inputError) Error() string {
	where := "standard input"
	if e.line > 0 {
		where += fmt.Sprintf(", line %d", e.line)
	}
	if e.column > 0 {
		where += fmt.Sprintf(", column %d", e.column)
	}
	return where + ": " + e.problem
}

// question is one object of the input.
type question struct {
	Tenant   *proxycalc.Tenant   `json:"tenant"`
	Holder   *proxycalc.Holder   `json:"holder"`
	Previous *proxycalc.Previous `json:"previous"`
}

// predict answers each question before it reads the next one.
func (a *app) predict(ctx context.Context) error {
	questions := strictjson.NewReader(&untilDone{ctx: ctx, in: a.in}, reflect.TypeFor[question]())
	for first := true; ; first = false {
		q, err := nextQuestion(questions)
		switch {
		case errors.Is(err, io.EOF) && first:
			return &inputError{problem: "there is no JSON object: aliasd predict --help has an example"}
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := a.printJSON(proxycalc.Calculate(*q.Tenant, *q.Holder, q.Previous)); err != nil {
			return err
		}
	}
}

func nextQuestion(questions *strictjson.Reader) (question, error) {
	o, err := questions.Next()
	var syntax *strictjson.SyntaxError
	switch {
	case errors.As(err, &syntax):
		if syntax.TooLarge {
			syntax.Problem += ": list only the addresses that meet in it"
		}
		return question{}, &inputError{line: syntax.Line, column: syntax.Column, problem: syntax.Problem}
	case err != nil:
		return question{}, err
	}
	if len(o.Mistakes) > 0 {
		return question{}, &inputError{line: o.Mistakes[0].Line, problem: o.Mistakes[0].Error()}
	}
	var q question
	if err := o.Into(&q); err != nil {
		return question{}, &inputError{line: o.Line(""), problem: err.Error()}
	}
	if field, problem := q.problem(); problem != "" {
		return question{}, &inputError{line: o.Line(field), problem: field + " " + problem}
	}
	return q, nil
}

// problem says which field of a question cannot be, and why; "" where all is well.
func (q question) problem() (field, problem string) {
	switch {
	case q.Tenant == nil:
		return "tenant", `is missing: give at least {"initial_domain": "contoso.onmicrosoft.com"}`
	case q.Tenant.InitialDomain == "":
		return "tenant.initial_domain", "is missing: give the tenant's first domain, like contoso.onmicrosoft.com"
	case q.Holder == nil:
		return "holder", `is missing: give at least {"kind": "user"}`
	}
	switch q.Holder.Kind {
	case address.User, address.Group, address.Contact:
	case "":
		return "holder.kind", "is missing: give user, group or contact"
	default:
		return "holder.kind", fmt.Sprintf("is %q: give user, group or contact", q.Holder.Kind)
	}
	if field, problem := tenantProblem(*q.Tenant); problem != "" {
		return field, problem
	}
	if q.Previous == nil {
		return "", ""
	}
	return previousProblem(q.Previous.Proxies)
}

// previousProblem finds what the cloud never shows: values without a type, and two primaries.
func previousProblem(shown address.Set) (field, problem string) {
	const list = "previous.proxy_addresses"
	var primary address.Proxy
	for i, p := range shown {
		switch {
		case p.Type() == "":
			return strictjson.At(list, i), fmt.Sprintf("is %q: give it with its type, as the cloud shows it, like SMTP:jdoe@contoso.com or smtp:j.doe@contoso.com", p)
		case p.IsPrimary() && primary != "":
			return strictjson.At(list, i), fmt.Sprintf("is %q, and %q is a primary too: give one with SMTP:, the others with smtp:", p, primary)
		case p.IsPrimary():
			primary = p
		}
	}
	return "", ""
}

// tenantProblem finds what would silently match nothing: domains and addresses that are none.
func tenantProblem(t proxycalc.Tenant) (field, problem string) {
	if notDomain(t.InitialDomain) || !strings.Contains(strings.Trim(t.InitialDomain, "."), ".") {
		return "tenant.initial_domain", fmt.Sprintf("is %q: give a bare domain, like contoso.onmicrosoft.com", t.InitialDomain)
	}
	for i, domain := range t.VerifiedDomains {
		if notDomain(domain) {
			return strictjson.At("tenant.verified_domains", i), fmt.Sprintf("is %q: give a bare domain, like contoso.com", domain)
		}
	}
	for i, a := range t.TakenAddresses {
		if !strings.Contains(string(a), "@") || strings.Contains(string(a), ":") {
			return strictjson.At("tenant.taken_addresses", i), fmt.Sprintf("is %q: give a bare address without prefix, like jdoe@contoso.com", a)
		}
	}
	return "", ""
}

func notDomain(s string) bool {
	return s == "" || strings.ContainsAny(s, "@:/") || strings.ContainsFunc(s, unicode.IsSpace)
}

// untilDone reads from in until its context is done: a read of standard input cannot be interrupted in any other way.
type untilDone struct {
	ctx context.Context
	in  io.Reader
	own []byte
}

func (r *untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if len(r.own) < len(p) {
		r.own = make([]byte, len(p))
	}
	type result struct {
		n   int
		err error
	}
	// A read that is left behind goes on into own, and nobody looks at that any more.
	read, own := make(chan result, 1), r.own[:len(p)]
	go func() {
		n, err := r.in.Read(own)
		read <- result{n, err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	case got := <-read:
		return copy(p, own[:got.n]), got.err
	}
}
