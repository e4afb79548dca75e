package config

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestSampleFile holds the committed copy to the code.
func TestSampleFile(t *testing.T) {
	t.Parallel()
	golden(t, "sample.yaml", string(Sample()))
}

func TestSampleParses(t *testing.T) {
	t.Parallel()
	s, err := Parse("sample.yaml", Sample(), "/etc/aliasd")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Directory.Servers) == 0 || !s.Cloud.Certificate.Set() || !s.Directory.Bind.Password.Set() {
		t.Errorf("lacks something: %+v", s)
	}
}

// TestSampleHasEveryKey: each key stands in it once, live or as a comment, below an explanation.
func TestSampleHasEveryKey(t *testing.T) {
	t.Parallel()
	lines := strings.Split(string(Sample()), "\n")
	count := 0
	walk("", table(&Settings{}, base{}), func(path string, k key) {
		count++
		pattern := regexp.MustCompile(`^` + strings.Repeat("  ", strings.Count(path, ".")) + `#?` + k.name + `:( \S|$)`)
		at := -1
		for i, line := range lines {
			if pattern.MatchString(line) && within(lines[:i], path) {
				at = i
			}
		}
		if at < 0 {
			t.Errorf("%s is not in the sample", path)
			return
		}
		explained := strings.HasPrefix(strings.TrimSpace(lines[at-1]), "# ")
		if k.keys == nil && (!explained || len(k.doc) < 10) {
			t.Errorf("%s is not explained", path)
		}
	})
	if count < 40 {
		t.Errorf("only %d keys", count)
	}
}

// within says whether the groups above path are the last ones that were opened.
func within(lines []string, path string) bool {
	parts := strings.Split(path, ".")
	for depth, name := range parts[:len(parts)-1] {
		indent := strings.Repeat("  ", depth)
		last := ""
		for _, line := range lines {
			if m := regexp.MustCompile(`^` + indent + `([a-z_]+):`).FindStringSubmatch(line); m != nil {
				last = m[1]
			}
		}
		if last != name {
			return false
		}
	}
	return true
}

func walk(prefix string, keys []key, visit func(path string, k key)) {
	for _, k := range keys {
		visit(join(prefix, k.name), k)
		walk(join(prefix, k.name), k.keys, visit)
	}
}

// TestCommentedKeysAreKnown takes the # away from each commented key in turn: it may be refused, but not as unknown or
// as a wrong type.
func TestCommentedKeysAreKnown(t *testing.T) {
	t.Parallel()
	off := regexp.MustCompile(`(?m)^( *)#([a-z_0-9]+: )`)
	sample := Sample()
	places := off.FindAllIndex(sample, -1)
	if len(places) < 8 {
		t.Fatalf("only %d commented keys", len(places))
	}
	for _, at := range places {
		live := append(bytes.Clone(sample[:at[0]]), off.ReplaceAll(sample[at[0]:at[1]], []byte("$1$2"))...)
		live = append(live, sample[at[1]:]...)
		_, err := Parse("x", live, "/")
		if err != nil && !strings.Contains(err.Error(), "needs exactly one of") && !strings.Contains(err.Error(), "is of no use to SQLite") {
			t.Errorf("%s: %v", sample[at[0]:at[1]], err)
		}
	}
}

// TestContract: the keys are those of the design, no more and no less.
func TestContract(t *testing.T) {
	t.Parallel()
	var got []string
	walk("", table(&Settings{}, base{}), func(path string, k key) {
		if k.keys == nil {
			got = append(got, path)
		}
	})
	want := strings.Fields(`data_dir database database_password log.level log.format
		directory.servers directory.global_catalog directory.base_dn directory.ca_file
		directory.bind.method directory.bind.user directory.bind.password directory.bind.keytab directory.bind.krb5_conf
		directory.connections directory.timeout
		cloud.environment cloud.tenant_id cloud.client_id cloud.certificate cloud.client_secret cloud.managed_identity
		cloud.graph_url cloud.authority_url cloud.ca_file
		schedule.verify schedule.report schedule.audit verify.deadline verify.sync_interval verify.units_per_tick limits.writes_per_hour limits.removals_per_hour
		limits.burst.requests limits.burst.within limits.pace.writes limits.pace.within
		api.listen api.tls.cert_file api.tls.key_file api.rate.reads api.rate.writes report.dir retention.days`)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

// TestDefaultsAreSound: the table's own defaults pass its own readers.
func TestDefaultsAreSound(t *testing.T) {
	t.Parallel()
	d := &decoder{file: "defaults", faulty: map[string]bool{}}
	d.defaults("", table(&Settings{}, newBase("/", nil)))
	if len(d.problems) > 0 {
		t.Error(d.problems)
	}
}

// FuzzParse: no input makes it panic; it gives settings or problems, never both or none, each problem with its line; and
// what passes once passes again.
func FuzzParse(f *testing.F) {
	f.Add(Sample())
	f.Add([]byte(good))
	files, err := os.ReadDir("testdata")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if data, err := os.ReadFile("testdata/" + file.Name()); err == nil && strings.HasSuffix(file.Name(), ".yaml") {
			f.Add(data)
		}
	}
	f.Add([]byte("schedule: {verify: 'TZ= * * * * *', report: 'TZ='}"))
	f.Add([]byte("? {a: b}\n: [*x, &x y]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("f", data, "/")
		problems, ok := err.(Problems)
		if (s == nil) != (err != nil) || (err != nil && (!ok || len(problems) == 0)) {
			t.Fatalf("settings %v, error %v", s, err)
		}
		lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + bytes.Count(data, []byte("\u2028")) +
			bytes.Count(data, []byte("\u2029")) + bytes.Count(data, []byte("\u0085")) + 2
		for _, p := range problems {
			if p.Line < 1 || (p.Line > lines && !bytes.ContainsAny(data, "\x00\xff\xfe")) || p.Text == "" {
				t.Fatalf("%+v in %d lines", p, lines)
			}
		}
	})
}
