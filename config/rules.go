package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/robfig/cron/v3"
)

// ldapsURL takes ldaps://host:port and adds the default port. wrong are ports that answer something else, with what they
// are.
func ldapsURL(port string, wrong map[string]string) rule[string] {
	example := "ldaps://dc1.contoso.test:" + port
	return func(s string) (string, *flaw) {
		u, bad := serverURL(s, "ldaps", example)
		if bad != nil {
			return "", bad
		}
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), port)
		}
		if what := wrong[u.Port()]; what != "" {
			return "", &flaw{"the port is not the right one: " + what, "like " + example}
		}
		return u.Scheme + "://" + strings.ToLower(u.Host), nil
	}
}

// httpsURL takes https://host or https://host:port, nothing behind it.
func httpsURL(s string) (string, *flaw) {
	u, bad := serverURL(s, "https", "https://localhost:8443")
	if bad != nil {
		return "", bad
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}

// serverURL takes a URL that names a server and nothing else.
func serverURL(s, scheme, example string) (*url.URL, *flaw) {
	hint := "like " + example
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || !strings.Contains(s, "://"):
		return nil, &flaw{"must be a URL", hint}
	case u.Scheme != scheme:
		return nil, &flaw{"must begin with " + scheme + "://", "the connection is always encrypted and checked; " + hint}
	case u.User != nil:
		return nil, &flaw{"must not hold an account", hint}
	case !goodHost(u.Hostname()) || !goodPort(u.Port()):
		return nil, &flaw{"must name a host, and a port from 1 to 65535", hint}
	case strings.Trim(u.Path, "/") != "":
		return nil, &flaw{"must not hold a path or version", hint}
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return nil, &flaw{"must end after the port", hint}
	}
	return u, nil
}

// goodHost takes DNS names (RFC 1123, and _ that Windows allows) and IP addresses.
func goodHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(host) <= 253 && regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`).MatchString(host)
}

// goodPort takes the empty port too: the default one.
func goodPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || (err == nil && n >= 1 && n <= 65535)
}

func dn(s string) (string, *flaw) {
	parsed, err := ldap.ParseDN(s)
	if err != nil || len(parsed.RDNs) == 0 {
		return "", &flaw{"must be a distinguished name", "like DC=contoso,DC=test"}
	}
	return s, nil
}

// tenant takes the id of a tenant or one of its domains; common and the like name no tenant.
func tenant(s string) (string, *flaw) {
	hint := "the Directory (tenant) ID on the app registration's page"
	switch strings.ToLower(s) {
	case "common", "organizations", "consumers":
		return "", &flaw{"must name one tenant", hint}
	}
	if !goodGUID(s) && (!strings.Contains(s, ".") || !goodHost(s)) {
		return "", &flaw{"must be the tenant's GUID or one of its domains", hint}
	}
	return s, nil
}

func clientID(s string) (string, *flaw) {
	if !goodGUID(s) {
		return "", &flaw{"must be a GUID", "the Application (client) ID on the app registration's page"}
	}
	return s, nil
}

func goodGUID(s string) bool {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString(s)
}

// cronExpr takes five fields, or a descriptor such as @daily or @every 30s (robfig/cron, ParseStandard).
func cronExpr(s string) (string, *flaw) {
	bad := func(format string, args ...any) (string, *flaw) {
		return "", &flaw{fmt.Sprintf(format, args...), `like "*/2 * * * *", "0 7 * * 1-5", "@every 30s"`}
	}
	if zone, _, found := strings.Cut(s, " "); strings.Contains(zone, "TZ=") && !found {
		return bad("must hold a schedule behind the time zone") // the parser panics on it
	}
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		if d, err := time.ParseDuration(every); err == nil && d < time.Second {
			return bad("must be a second or longer")
		}
	}
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return bad("must be a cron expression: %s", reason(err))
	}
	if schedule.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return bad("names a time that never comes")
	}
	return s, nil
}

// reason shortens what the cron parser said; it repeats the expression, which is shown anyhow.
func reason(err error) string {
	before, _, _ := strings.Cut(err.Error(), ": [")
	return shorten(before)
}

// listenAddress takes host:port; the host may be empty, for all addresses of the machine, and the port 0, for a free one.
func listenAddress(s string) (string, *flaw) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.Atoi(port)
	if err != nil || bad != nil || n < 0 || n > 65535 || (host != "" && !goodHost(host)) {
		return "", &flaw{"must be host:port", "like 127.0.0.1:8440"}
	}
	return s, nil
}

// isLoopback says whether only this machine gets at host:port.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || (err == nil && addr.IsLoopback())
}
