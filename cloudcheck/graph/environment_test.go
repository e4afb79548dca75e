package graph

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
)

func TestNationalClouds(t *testing.T) {
	t.Parallel()
	for environment, want := range map[Environment][3]string{
		"":       {"https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com/", "https://graph.microsoft.com/.default"},
		Global:   {"https://graph.microsoft.com/v1.0", "https://login.microsoftonline.com/", "https://graph.microsoft.com/.default"},
		USGov:    {"https://graph.microsoft.us/v1.0", "https://login.microsoftonline.us/", "https://graph.microsoft.us/.default"},
		USGovDoD: {"https://dod-graph.microsoft.us/v1.0", "https://login.microsoftonline.us/", "https://dod-graph.microsoft.us/.default"},
		China:    {"https://microsoftgraph.chinacloudapi.cn/v1.0", "https://login.chinacloudapi.cn/", "https://microsoftgraph.chinacloudapi.cn/.default"},
	} {
		var asked Authority
		c, err := Open(Options{Environment: environment, TenantID: "contoso.com", Credential: func(a Authority) (azcore.TokenCredential, error) {
			asked = a
			return fixedToken{}, nil
		}})
		if err != nil {
			t.Fatalf("%s: %v", environment, err)
		}
		if _, err := c.signIn.credential(); err != nil {
			t.Fatal(err)
		}
		got := [3]string{c.adapter.GetBaseUrl(), asked.Cloud.ActiveDirectoryAuthorityHost, c.scope}
		if got != want || asked.DisableInstanceDiscovery || asked.TenantID != "contoso.com" {
			t.Errorf("%s: %v %+v, want %v", environment, got, asked, want)
		}
	}
}

func TestOverridesKeepTheScopeOfTheCloud(t *testing.T) {
	t.Parallel()
	var asked Authority
	c, err := Open(Options{Environment: USGov, TenantID: "t", GraphURL: "https://localhost:8443/", AuthorityURL: "https://localhost:8444",
		Credential: func(a Authority) (azcore.TokenCredential, error) { asked = a; return fixedToken{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.signIn.credential(); err != nil {
		t.Fatal(err)
	}
	if c.adapter.GetBaseUrl() != "https://localhost:8443/v1.0" || c.scope != "https://graph.microsoft.us/.default" ||
		asked.Cloud.ActiveDirectoryAuthorityHost != "https://localhost:8444/" || !asked.DisableInstanceDiscovery {
		t.Errorf("%s %s %+v", c.adapter.GetBaseUrl(), c.scope, asked)
	}
}

func TestOpenRefusesBadOptions(t *testing.T) {
	t.Parallel()
	good := Options{TenantID: "t", Credential: anyCredential}
	for name, c := range map[string]struct {
		change func(*Options)
		says   []string
	}{
		"unknown cloud": {func(o *Options) { o.Environment = "germany" }, []string{"environment", "germany", "usgov-dod"}},
		"http":          {func(o *Options) { o.GraphURL = "http://localhost" }, []string{"graph_url", "https"}},
		"version":       {func(o *Options) { o.GraphURL = "https://localhost/v1.0" }, []string{"graph_url", "/v1.0"}},
		"password":      {func(o *Options) { o.AuthorityURL = "https://a:b@localhost" }, []string{"authority_url"}},
		"no URL":        {func(o *Options) { o.AuthorityURL = "%" }, []string{"authority_url"}},
		"all at once":   {func(o *Options) { *o = Options{GraphURL: "x", AuthorityURL: "y"} }, []string{"graph_url", "authority_url", "tenant_id", "credential"}},
	} {
		o := good
		c.change(&o)
		_, err := Open(o)
		if err == nil {
			t.Errorf("%s: opened", name)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", name, err, s)
			}
		}
	}
}
