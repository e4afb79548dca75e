package config

import (
	"strings"
	"testing"
)

func TestDatabaseURL(t *testing.T) {
	t.Parallel()
	const planted = "Tr0ub4dor"
	for url, want := range map[string]string{
		"": "",
		"postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full":      "",
		"postgresql://aliasd@db.contoso.test:5433/aliasd?sslmode=verify-ca": "",
		"postgres:///aliasd":                                      "",
		"postgres:///aliasd?host=/run/postgresql":                 "",
		"postgres://aliasd@/aliasd?host=/run/postgresql":          "",
		"postgres://localhost/aliasd":                             "",
		"postgres://LOCALHOST:5433/aliasd?sslmode=disable":        "",
		"postgres://127.0.0.2/aliasd":                             "",
		"postgres://[::1]:5432/aliasd":                            "",
		"postgres://db.contoso.test?dbname=a&sslmode=verify-full": "",

		"postgres://aliasd:" + planted + "@db.contoso.test/aliasd?sslmode=verify-full":        "password",
		"postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full&password=" + planted:    "password",
		"postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full&sslpassword=" + planted: "password",
		"postgres://aliasd:" + planted + "@localhost/aliasd":                                  "password",
		"postgres://aliasd:@localhost/aliasd":                                                 "password",
		"postgres://aliasd:" + planted + "%@localhost/aliasd":                                 "must be empty or a URL",
		"postgres:aliasd:" + planted:                                                          "must be empty or a URL",
		"host=db.contoso.test password=" + planted:                                            "must be empty or a URL",
		"mysql://db.contoso.test/aliasd":                                                      "must be empty or a URL",
		"postgres://db.contoso.test/aliasd":                                                   "encrypted",
		"postgres://db.contoso.test/aliasd?sslmode=require":                                   "encrypted",
		"postgres://db.contoso.test/aliasd?sslmode=prefer":                                    "encrypted",
		"postgres://10.0.0.5/aliasd?sslmode=disable":                                          "encrypted",
		"postgres:///aliasd?host=db.contoso.test":                                             "encrypted",
		"postgres:///aliasd?host=/run/postgresql,db.contoso.test":                             "encrypted",
		"postgres://localhost,db.contoso.test/aliasd":                                         "encrypted",
		"postgres://localhost/aliasd?host=db.contoso.test":                                    "encrypted",
		"postgres://localhost":                                                                "name a database",
		"postgres://localhost/":                                                               "name a database",
		"postgres://localhost/aliasd?a=%zz":                                                   "options",
		"postgres://localhost/aliasd#x":                                                       "end after",
	} {
		got, bad := databaseURL(url)
		switch {
		case want == "" && (bad != nil || got != url):
			t.Errorf("%s was refused: %v", url, bad)
		case want != "" && (bad == nil || !strings.Contains(bad.text, want)):
			t.Errorf("%s gives %v, want %q", url, bad, want)
		case bad != nil && strings.Contains(bad.text+bad.hint, planted):
			t.Errorf("%s tells the password: %v", url, bad)
		}
	}
}
