package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/cloudcheck/proxycalc"
	"github.com/aliasd/aliasd/strictjson"
)

func predict(t *testing.T, input string) answer {
	t.Helper()
	return callWith(t, input, nil, "predict")
}

// predicted is one object of the output.
type predicted struct {
	Mail        string                `json:"mail"`
	Nickname    string                `json:"mail_nickname"`
	UPN         string                `json:"user_principal_name"`
	Proxies     []string              `json:"proxy_addresses"`
	MailEnabled bool                  `json:"mail_enabled"`
	Discarded   []proxycalc.Discarded `json:"discarded"`
	Assumptions []string              `json:"assumptions"`
}

// results decodes the output, which has to have exactly these fields.
func (a answer) results(t *testing.T) []predicted {
	t.Helper()
	var all []predicted
	for line := range strings.Lines(a.out) {
		var p predicted
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, p)
	}
	return all
}

// inputLine makes one line of input of the parts that differ from step to step.
func inputLine(taken []string, holder, previous string) string {
	addresses, _ := json.Marshal(slices.Concat([]string{}, taken))
	line := fmt.Sprintf(`{"tenant": {"initial_domain": "Contoso.onmicrosoft.com", "verified_domains": ["Contoso.com"], "taken_addresses": %s}, "holder": %s`, addresses, holder)
	if previous != "" {
		line += `, "previous": ` + previous
	}
	return line + "}\n"
}

const someone = `{"kind": "user", "user_principal_name": "u@contoso.com"}`

func TestPredictReads(t *testing.T) {
	t.Parallel()
	line := inputLine(nil, someone, "")
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(line), "", "  "); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		input string
		want  int
	}{
		"one line":                       {line, 1},
		"no newline at the end":          {strings.TrimSpace(line), 1},
		"JSON lines":                     {line + line + line, 3},
		"over several lines":             {indented.String(), 1},
		"several, each over several":     {indented.String() + "\n" + indented.String() + line, 3},
		"blank lines":                    {"\n  \n" + line + "\n\t\n" + line + "\n\n", 2},
		"CRLF":                           {strings.ReplaceAll(indented.String(), "\n", "\r\n") + "\r\n\r\n" + strings.TrimSpace(line) + "\r\n", 2},
		"byte order mark":                {"\uFEFF" + line + line, 2},
		"blanks around":                  {"  \t" + strings.TrimSpace(line) + " \t \n", 1},
		"a line longer than any buffer":  {inputLine(slices.Repeat([]string{"somebody@contoso.com"}, 50_000), someone, "") + line, 2},
		"null is absent":                 {inputLine(nil, `{"kind": "user", "user_principal_name": "u@contoso.com", "mail": null, "proxy_addresses": null, "exchange_licensed": null}`, "null"), 1},
		"escapes":                        {inputLine(nil, `{"kind": "\u0075ser", "user_principal_name": "u@contoso.com"}`, ""), 1},
		"a name in escapes is that name": {inputLine(nil, `{"\u006bind": "user", "user_principal_name": "u@contoso.com"}`, ""), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := predict(t, c.input)
			results := got.results(t)
			if got.code != exitDone || got.err != "" || len(results) != c.want {
				t.Fatalf("%d results, want %d: %.300s", len(results), c.want, fmt.Sprint(got))
			}
			for _, r := range results {
				if r.Nickname != "u" || r.UPN != "u@contoso.com" {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestPredictPrints: absent values are "" and [], and --json changes nothing.
func TestPredictPrints(t *testing.T) {
	t.Parallel()
	const want = `{"mail":"","mail_nickname":"u","user_principal_name":"u@contoso.com","proxy_addresses":[],"mail_enabled":false,"discarded":[],"assumptions":[]}` + "\n"
	input := inputLine(nil, someone, "")
	for _, args := range [][]string{{"predict"}, {"predict", "--json"}, {"--json", "predict"}} {
		if got := callWith(t, input, nil, args...); got.out != want || got.err != "" || got.code != exitDone {
			t.Errorf("%v: %+v", args, got)
		}
	}
	callWith(t, input, nil, "predict", "file.json").want(t, exitUsage, "Try: aliasd predict --help")
	callWith(t, input, nil, "predict", "--server", "https://x").want(t, exitUsage, "--server")
}

// TestPredictPrintsAsGiven: a value is found in the output byte for byte, and so it is in an error.
func TestPredictPrintsAsGiven(t *testing.T) {
	t.Parallel()
	line := inputLine(nil, `{"kind": "user", "user_principal_name": "u@contoso.com", "proxy_addresses": ["smtp:a<b>&c@contoso.com"]}`, "")
	if got := predict(t, line); !strings.Contains(got.out, `{"value":"smtp:a<b>&c@contoso.com","reason":"malformed"}`) {
		t.Errorf("%+v", got)
	}
	got := callWith(t, inputLine(nil, `{"kind": "<user>"}`, ""), nil, "predict", "--json")
	if !strings.Contains(got.err, `<user>`) {
		t.Errorf("%+v", got)
	}
}

// TestPredictEmptyPrevious: an earlier state that shows nothing is a first sync, and said to be one.
func TestPredictEmptyPrevious(t *testing.T) {
	t.Parallel()
	got := predict(t, inputLine(nil, someone, "{}")+inputLine(nil, someone, "null"))
	results := got.results(t)
	if len(results) != 2 || !slices.Equal(results[0].Assumptions, []string{"The earlier cloud state is empty: taken for a first sync."}) || len(results[1].Assumptions) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestPredictKinds(t *testing.T) {
	t.Parallel()
	got := predict(t,
		inputLine(nil, `{"kind": "group", "mail": "g@contoso.com"}`, "")+
			inputLine([]string{"C@x.com"}, `{"kind": "contact", "mail": "c@x.com", "proxy_addresses": ["SMTP:c@x.com", "smtp:d@x.com"]}`, "")+
			inputLine(nil, `{"kind": "user", "user_principal_name": "s@contoso.com", "mail_nickname": "s", "shared_mailbox": true, "remote_recipient": true, "proxy_addresses": ["SMTP:s@fabrikam.com"]}`, ""))
	results := got.results(t)
	if got.code != exitDone || len(results) != 3 {
		t.Fatalf("%+v", got)
	}
	if g := results[0]; !g.MailEnabled || !sameValues(g.Proxies, []string{"SMTP:g@contoso.com", "smtp:g@contoso.onmicrosoft.com"}) {
		t.Errorf("group: %+v", g)
	}
	if c := results[1]; !slices.Equal(c.Discarded, []proxycalc.Discarded{{Value: "SMTP:c@x.com", Reason: "taken"}}) || !sameValues(c.Proxies, []string{"smtp:d@x.com"}) {
		t.Errorf("contact: %+v", c)
	}
	if s := results[2]; s.Mail != "s@Contoso.onmicrosoft.com" || s.Discarded[0].Reason != "unverified_domain" || len(s.Assumptions) == 0 {
		t.Errorf("shared mailbox: %+v", s)
	}
}

func TestPredictRefuses(t *testing.T) {
	t.Parallel()
	good := inputLine(nil, someone, "")
	holder := func(fields string) string { return inputLine(nil, "{"+fields+"}", "") }
	inTenant := func(fields string) string {
		return `{"tenant": {` + fields + `}, "holder": ` + someone + "}\n"
	}
	for name, c := range map[string]struct {
		input string
		good  int // how many answers come before
		line  int
		says  string
	}{
		"unknown field":                  {`{"tenant": {"initial_domain": "c.onmicrosoft.com"}, "holder": ` + someone + `, "x": 1}`, 0, 1, `x is not a field: the fields are holder, previous, tenant`},
		"unknown field of the holder":    {good + holder(`"kind": "user", "colour": 1`), 1, 2, `holder.colour is not a field: the fields are `},
		"unknown field of the tenant":    {inTenant(`"initial_domain": "c.onmicrosoft.com", "taken": []`), 0, 1, `tenant.taken is not a field`},
		"unknown field of previous":      {good + good + inputLine(nil, someone, `{"mail_enabled": true}`), 2, 3, `previous.mail_enabled is not a field`},
		"the case of a name counts":      {holder(`"Kind": "user"`), 0, 1, `holder.Kind is not a field`},
		"a name of the code":             {inTenant(`"InitialDomain": "c.onmicrosoft.com"`), 0, 1, `tenant.InitialDomain is not a field`},
		"a name that is not in JSON":     {inTenant(`"-": 1`), 0, 1, `tenant.- is not a field`},
		"an empty name":                  {holder(`"": 1`), 0, 1, `holder."" is not a field`},
		"number for string":              {holder(`"kind": "user", "mail": 5`), 0, 1, `holder.mail is the number 5: give a string`},
		"string for bool":                {holder(`"kind": "user", "exchange_licensed": "yes"`), 0, 1, `holder.exchange_licensed is the string "yes": give true or false`},
		"number for bool":                {holder(`"kind": "user", "exchange_licensed": 1`), 0, 1, `give true or false`},
		"string for list":                {holder(`"kind": "user", "proxy_addresses": "smtp:a@contoso.com"`), 0, 1, `give a list of strings`},
		"object for list":                {holder(`"kind": "user", "proxy_addresses": {}`), 0, 1, `holder.proxy_addresses is an object`},
		"list for string":                {holder(`"kind": ["user"]`), 0, 1, `holder.kind is a list: give a string`},
		"list for object":                {inputLine(nil, "[]", ""), 0, 1, `holder is a list: give an object`},
		"bool for string":                {holder(`"kind": true`), 0, 1, `holder.kind is true: give a string`},
		"a huge number":                  {holder(`"kind": 1e9999`), 0, 1, `holder.kind is the number 1e9999`},
		"null in a list":                 {holder(`"kind": "user", "proxy_addresses": ["smtp:a@contoso.com", null]`), 0, 1, `holder.proxy_addresses[1] is null: give a string`},
		"a list in a list":               {holder(`"kind": "user", "proxy_addresses": [["smtp:a@contoso.com"]]`), 0, 1, `holder.proxy_addresses[0] is a list`},
		"given twice":                    {holder(`"kind": "user", "kind": "user"`), 0, 1, `holder.kind is given twice`},
		"the holder twice":               {strings.Replace(good, `"holder"`, `"holder": `+someone+`, "holder"`, 1), 0, 1, `holder is given twice`},
		"given twice, once in escapes":   {holder(`"kind": "user", "\u006bind": "user"`), 0, 1, `holder.kind is given twice`},
		"no tenant":                      {`{"holder": ` + someone + `}`, 0, 1, `tenant is missing`},
		"null for the tenant":            {"{\n\"tenant\": null,\n\"holder\": " + someone + `}`, 0, 2, `tenant is missing`},
		"no initial domain":              {good + "\n" + inTenant(`"verified_domains": ["contoso.com"]`), 1, 3, `tenant.initial_domain is missing`},
		"no holder":                      {`{"tenant": {"initial_domain": "c.onmicrosoft.com"}}`, 0, 1, `holder is missing`},
		"no kind":                        {"{\"tenant\": {\"initial_domain\": \"c.onmicrosoft.com\"},\n\n\"holder\": {\"mail\": \"m@contoso.com\"}}", 0, 3, `holder.kind is missing: give user, group or contact`},
		"another kind":                   {holder(`"kind": "mailbox"`), 0, 1, `holder.kind is "mailbox": give user, group or contact`},
		"the case of a kind counts":      {holder(`"kind": "User"`), 0, 1, `holder.kind is "User"`},
		"an address for a domain":        {inTenant(`"initial_domain": "@c.onmicrosoft.com"`), 0, 1, `tenant.initial_domain is "@c.onmicrosoft.com"`},
		"a domain with a blank":          {inTenant("\"initial_domain\": \"c.onmicrosoft.com\", \"verified_domains\": [\"contoso.com\",\n\"fabrikam.com \"]"), 0, 2, `tenant.verified_domains[1] is "fabrikam.com "`},
		"an empty domain":                {inTenant(`"initial_domain": "c.onmicrosoft.com", "verified_domains": [""]`), 0, 1, `tenant.verified_domains[0] is ""`},
		"a taken address with a prefix":  {inputLine([]string{"a@contoso.com", "smtp:b@contoso.com"}, someone, ""), 0, 1, `tenant.taken_addresses[1] is "smtp:b@contoso.com": give a bare address`},
		"a taken value, no address":      {inputLine([]string{"bob"}, someone, ""), 0, 1, `tenant.taken_addresses[0] is "bob"`},
		"a comma at the end of a list":   {inTenant(`"initial_domain": "c.onmicrosoft.com", "verified_domains": ["contoso.com",]`), 0, 1, `column 86: invalid character ',' at start of value: remove the comma`},
		"a comma too few":                {inTenant(`"initial_domain": "c.onmicrosoft.com" "verified_domains": []`), 0, 1, `put a comma or a colon before it`},
		"a domain without a dot":         {inTenant(`"initial_domain": "contoso"`), 0, 1, `tenant.initial_domain is "contoso": give a bare domain, like contoso.onmicrosoft.com`},
		"a domain with a dot at its end": {inTenant(`"initial_domain": "contoso."`), 0, 1, `tenant.initial_domain is "contoso."`},
		"an earlier value without type":  {inputLine(nil, someone, "{\n\"proxy_addresses\": [\"SMTP:u@contoso.com\",\n\"j@contoso.com\"]}"), 0, 3, `previous.proxy_addresses[1] is "j@contoso.com": give it with its type`},
		"an earlier value, no type":      {inputLine(nil, someone, `{"proxy_addresses": [":j@contoso.com"]}`), 0, 1, `previous.proxy_addresses[0] is ":j@contoso.com"`},
		"two earlier primaries":          {inputLine(nil, someone, `{"proxy_addresses": ["SMTP:u@contoso.com", "smtp:j@contoso.com", "SMTP:k@contoso.com"]}`), 0, 1, `previous.proxy_addresses[2] is "SMTP:k@contoso.com", and "SMTP:u@contoso.com" is a primary too`},
		"something after the object":     {strings.TrimSpace(good) + " x\n" + good, 0, 1, `there is more after the object`},
		"two on one line":                {good + strings.TrimSpace(good) + good, 1, 2, `line 2, column ` + fmt.Sprint(len(good)) + `: there is more`},
		"a brace too many":               {good + strings.TrimSpace(good) + "}\n", 1, 2, `there is more after the object`},
		"no JSON":                        {good + "\nkind=user\n", 1, 3, `line 3, column 1: invalid character 'k'`},
		"a comma too many":               {"{\n\"tenant\": {},,}", 0, 2, `line 2, column 14: invalid character ',' at start of value: remove the comma`},
		"a comma at the end":             {`{"tenant": {"initial_domain": "c.onmicrosoft.com",}}`, 0, 1, `column 50: invalid character ',' at start of value: remove the comma, or give what is missing beside it`},
		"a comment":                      {"{\n// tenant\n}", 0, 2, `JSON has no comments, remove it`},
		"single quotes":                  {`{'tenant': {}}`, 0, 1, `names and strings stand in double quotes`},
		"a line break in a string":       {good + holder("\"kind\": \"us\ner\""), 1, 2, `in string (expecting non-control character): inside a string, write a line break as \n`},
		"it does not end":                {good + "{\n\"tenant\": {\n", 1, 3, `the object that begins on line 2 does not end`},
		"it ends in a string":            {`{"ten`, 0, 1, `the object that begins on line 1 does not end`},
		"it ends in a word":              {`{"tenant": nul`, 0, 1, `does not end`},
		"a list of objects":              {"[" + strings.TrimSpace(good) + "]", 0, 1, `the value is a list: give an object`},
		"null":                           {"null", 0, 1, `the value is null`},
		"a string":                       {good + `"user"`, 1, 2, `the value is the string "user"`},
		"bytes that are no UTF-8":        {holder("\"kind\": \"user\", \"mail\": \"m\xfcller@contoso.com\""), 0, 1, `holder.mail is "m�ller@contoso.com", which has bytes that are no text`},
		"half a surrogate pair":          {holder(`"kind": "user", "mail": "\ud800@contoso.com"`), 0, 1, `bytes that are no text`},
		"UTF-16":                         {"\xff\xfe{\x00}\x00", 0, 1, `not UTF-8 but UTF-16`},
		"UTF-16, the other way":          {"\xfe\xff\x00{\x00}", 0, 1, `not UTF-8 but UTF-16`},
		"a byte order mark later":        {good + "\uFEFF" + good, 1, 2, `invalid character`},
		"too long":                       {good + strings.Repeat(" ", 100) + `{"tenant": "` + strings.Repeat("x", strictjson.MaxObject), 1, 2, `the object that begins on line 2 is longer than 4 MiB: list only the addresses that meet in it`},
		"too many values":                {good + `{"tenant": {"taken_addresses": [` + strings.Repeat("0,", strictjson.MaxValues), 1, 2, `the object that begins on line 2 has more than 200000 names and values: list only the addresses that meet in it`},
		"a replaced character":           {holder(`"kind": "user", "mail": "m\ufffdller@contoso.com"`), 0, 1, `bytes that are no text`},
		"too long by blanks":             {"{" + strings.Repeat(" ", strictjson.MaxObject), 0, 1, `the object that begins on line 1 is longer than 4 MiB`},
		"many blank lines":               {"{" + strings.Repeat("\n ", strictjson.MaxObject) + "]", 0, strictjson.MaxObject + 1, `column 2: invalid character ']'`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := predict(t, c.input)
			if n := len(got.results(t)); got.code != exitUsage || n != c.good {
				t.Errorf("exit code %d, %d answers before, want %d", got.code, n, c.good)
			}
			if where := fmt.Sprintf("aliasd: standard input, line %d", c.line); !strings.HasPrefix(got.err, where) || !strings.Contains(got.err, c.says) {
				t.Errorf("%s\nwant %s … %s", got.err, where, c.says)
			}
			if strings.Count(got.err, "\n") != 1 {
				t.Errorf("not one line: %q", got.err)
			}
		})
	}
}

func TestPredictOfNothing(t *testing.T) {
	t.Parallel()
	for _, input := range []string{"", "\n", " \r\n\t\n", "\uFEFF", "\uFEFF\n"} {
		got := predict(t, input)
		got.want(t, exitUsage, "standard input: there is no JSON object", "aliasd predict --help")
		if got.out != "" {
			t.Errorf("%q: %q", input, got.out)
		}
	}
}

func TestPredictErrorsInJSON(t *testing.T) {
	t.Parallel()
	got := callWith(t, inputLine(nil, someone, "")+"\n{]", nil, "predict", "--json")
	if e := got.lastError(t); got.code != exitUsage || e.Code != "invalid_input" || e.Line != 3 || !strings.Contains(e.Message, "line 3, column 2") {
		t.Errorf("%+v", got)
	}
	if len(got.results(t)) != 1 {
		t.Errorf("%q", got.out)
	}
}

// TestPredictAnswersAtOnce: the answer to a line appears before the next one is there, and an interruption ends the wait.
func TestPredictAnswersAtOnce(t *testing.T) {
	t.Parallel()
	in, feed := io.Pipe()
	answers, out := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var complaint bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		a := newApp(in, out, &complaint, func(string) (string, bool) { return "", false })
		ended <- a.run(ctx, []string{"predict"})
	}()
	lines := bufio.NewReader(answers)
	for range 3 {
		if _, err := io.WriteString(feed, inputLine(nil, someone, "")); err != nil {
			t.Fatal(err)
		}
		if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"mail_nickname":"u"`) {
			t.Fatalf("%q, %v", line, err)
		}
	}
	stop()
	if code := <-ended; code != exitError || !strings.Contains(complaint.String(), "stopped") {
		t.Errorf("exit code %d, %q", code, complaint.String())
	}
}

// FuzzPredict: whatever comes in, it never panics, a refusal names its line, what stands before the refused object gets
// the same answers without it, and the refused object alone gets none.
func FuzzPredict(f *testing.F) {
	good := inputLine([]string{"a@contoso.com"}, `{"kind": "user", "user_principal_name": "u@contoso.com", "proxy_addresses": ["SMTP:b@contoso.com", "x"], "exchange_licensed": true}`,
		`{"mail": "b@contoso.com", "proxy_addresses": ["SMTP:b@contoso.com"]}`)
	for _, seed := range []string{
		"", "\n", "{}", "null", "[1]", good, good + good, "\uFEFF" + good, good + "x", strings.TrimSpace(good) + "}", good + "{\n\"tenant\":",
		strings.ReplaceAll(good, ", ", ",\r\n"), strings.ReplaceAll(good, "kind", "Kind"), strings.ReplaceAll(good, "true", "\xff"), "\xff\xfe{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		got := predict(t, string(input))
		answers := len(got.results(t))
		if got.code == exitDone && got.err == "" && answers > 0 {
			return
		}
		if got.code != exitUsage || !strings.HasPrefix(got.err, "aliasd: standard input") {
			t.Fatalf("%q: %+v", input, got)
		}
		accepted, refused := split(t, input, answers)
		if answers > 0 {
			if before := predict(t, string(accepted)); before.code != exitDone || before.out != got.out {
				t.Fatalf("%q: %+v, all of it: %+v", accepted, before, got)
			}
		}
		if after := predict(t, "\n"+string(refused)); after.code != exitUsage || after.out != "" {
			t.Fatalf("%q is refused after others, but alone: %+v", refused, after)
		}
	})
}

// split cuts the input after so many objects, with a decoder of its own that has to take them.
func split(t *testing.T, input []byte, objects int) (before, after []byte) {
	t.Helper()
	text := bytes.TrimPrefix(input, []byte("\uFEFF"))
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	for range objects {
		var q question
		if err := decoder.Decode(&q); err != nil {
			t.Fatalf("%q was answered: %v", input, err)
		}
	}
	return text[:decoder.InputOffset()], text[decoder.InputOffset():]
}
