package graph

import (
	"fmt"
	"net/url"
	"strings"
)

// Environment is one of Microsoft's clouds.
type Environment string

// The clouds (Graph docs, "National cloud deployments").
const (
	Global   Environment = "global"
	USGov    Environment = "usgov"     // GCC High
	USGovDoD Environment = "usgov-dod" // DoD
	China    Environment = "china"     // operated by 21Vianet
)

// endpoints are the two servers of a cloud, without a version and without a trailing slash.
type endpoints struct {
	graph     string
	authority string
}

func (e Environment) endpoints() (endpoints, error) {
	switch e {
	case Global, "":
		return endpoints{"https://graph.microsoft.com", "https://login.microsoftonline.com"}, nil
	case USGov:
		return endpoints{"https://graph.microsoft.us", "https://login.microsoftonline.us"}, nil
	case USGovDoD:
		return endpoints{"https://dod-graph.microsoft.us", "https://login.microsoftonline.us"}, nil
	case China:
		return endpoints{"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"}, nil
	}
	return endpoints{}, fmt.Errorf("environment: unknown cloud %q; one of %s, %s, %s, %s", string(e), Global, USGov, USGovDoD, China)
}

// version is what every path of Graph begins with.
const version = "/v1.0"

// checkURL makes an override usable: https, a host, nothing behind the host.
func checkURL(key, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	if u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("%s: want https://host or https://host:port, got %q", key, raw)
	}
	return "https://" + u.Host, nil
}

// relative cuts the server and the version off a link that Graph gave, so that it is followed on our own base URL: a
// token never goes anywhere else, and a proxy in front of Graph is not bypassed.
func relative(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", fmt.Errorf("link to the next page: %w", err)
	}
	_, path, ok := strings.Cut(u.EscapedPath(), version+"/")
	if !ok {
		return "", fmt.Errorf("link to the next page: no %s in %q", version, u.EscapedPath())
	}
	return "/" + path + "?" + u.RawQuery, nil
}
