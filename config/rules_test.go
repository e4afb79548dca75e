package config

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// accepts runs a rule over texts; a text is refused where want is "!", else kept as want says.
func accepts(t *testing.T, name string, r rule[string], cases map[string]string) {
	t.Helper()
	for in, want := range cases {
		got, bad := r(in)
		if (bad != nil) != (want == "!") || (bad == nil && got != want) {
			t.Errorf("%s(%q): got %q, %v, want %q", name, in, got, bad, want)
		}
		if bad != nil && bad.text == "" {
			t.Errorf("%s(%q): says nothing", name, in)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	accepts(t, "ldapsURL", ldapsURL("636", map[string]string{"389": "plain"}), map[string]string{
		"ldaps://dc1": "ldaps://dc1:636", "ldaps://DC1.Contoso.test:1636/": "ldaps://dc1.contoso.test:1636",
		"ldaps://10.0.0.1": "ldaps://10.0.0.1:636", "ldaps://[fe80::1]:636": "ldaps://[fe80::1]:636", "ldaps://my_dc.x": "ldaps://my_dc.x:636",
		"": "!", "ldaps:": "!", "ldaps:dc1": "!", "ldaps:///": "!", "ldaps://:636": "!", "ldaps://dc1:0": "!", "ldaps://dc1:389": "!",
		"ldaps://dc1:x": "!", "ldaps://dc 1": "!", "ldaps://-dc1": "!", "ldaps://dc1#x": "!", "ldaps://dc1?": "!", "ldaps://u@dc1": "!",
		"https://dc1": "!", "ldaps://dc1/x": "!", "ldaps://[::1": "!", "ldaps://dc..x": "!", "ldaps://" + strings.Repeat("a", 254): "!",
	})
	accepts(t, "httpsURL", httpsURL, map[string]string{
		"https://localhost:8443": "https://localhost:8443", "https://graph.microsoft.com/": "https://graph.microsoft.com",
		"http://localhost": "!", "https://graph.microsoft.com/v1.0": "!", "https://graph.microsoft.com/beta/": "!", "graph.microsoft.com": "!",
	})
	accepts(t, "dn", dn, map[string]string{
		"DC=contoso,DC=test": "DC=contoso,DC=test", `OU=a\,b,DC=x`: `OU=a\,b,DC=x`, "": "!", "contoso.test": "!", "DC=a,,DC=b": "!",
	})
	accepts(t, "tenant", tenant, map[string]string{
		"contoso.onmicrosoft.com": "contoso.onmicrosoft.com", "1f8a6c54-3d0e-4e0b-9d51-0f3a52f1b7aa": "1f8a6c54-3d0e-4e0b-9d51-0f3a52f1b7aa",
		"": "!", "contoso": "!", "Common": "!", "organizations": "!", "contoso.com/x": "!",
	})
	accepts(t, "listenAddress", listenAddress, map[string]string{
		"127.0.0.1:0": "127.0.0.1:0", ":8440": ":8440", "[::]:443": "[::]:443", "host.contoso.test:1": "host.contoso.test:1",
		"": "!", "8440": "!", "127.0.0.1": "!", "127.0.0.1:": "!", "127.0.0.1:65536": "!", "127.0.0.1:http": "!", "a b:1": "!", "::1:80": "!",
	})
	accepts(t, "cronExpr", cronExpr, map[string]string{
		"* * * * *": "* * * * *", "@daily": "@daily", "@every 1s": "@every 1s", "TZ=UTC 0 7 * * *": "TZ=UTC 0 7 * * *",
		"": "!", "* * * *": "!", "0 * * * * *": "!", "@every": "!", "@every x": "!", "@every 0s": "!", "@every -1h": "!", "@every 999ms": "!",
		"TZ=": "!", "CRON_TZ=UTC": "!", "TZ=Nowhere/Land * * * * *": "!", "0 0 31 4 *": "!", "@reboot": "!",
	})
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]bool{
		"127.0.0.1:1": true, "127.1.2.3:1": true, "[::1]:1": true, "localhost:1": true, "LOCALHOST:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.contoso.test:1": false, "": false,
	} {
		if got := isLoopback(listen); got != want {
			t.Errorf("%s: %v", listen, got)
		}
	}
}

// TestDistance: it is a metric, as Levenshtein's is.
func TestDistance(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-c]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		ab := distance(a, b)
		if ab != distance(b, a) || (ab == 0) != (a == b) || ab > max(len(a), len(b)) || distance(a, c) > ab+distance(b, c) {
			t.Fatalf("%q %q %q", a, b, c)
		}
	})
	if d := distance("kitten", "sitting"); d != 3 {
		t.Errorf("kitten, sitting: %d", d)
	}
}
