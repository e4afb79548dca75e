package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const databaseExample = "like postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full"

// databaseURL takes the URL of a PostgreSQL database that holds no password and whose connection is encrypted and checked
// where it leaves the machine; empty is SQLite.
func databaseURL(s string) (string, *flaw) {
	if s == "" {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || (u.Scheme != "postgres" && u.Scheme != "postgresql") || !strings.Contains(s, "://") {
		return "", &flaw{"must be empty or a URL of PostgreSQL", databaseExample}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", &flaw{"has options that cannot be read", databaseExample}
	}
	_, password := u.User.Password()
	switch {
	case password || query.Has("password") || query.Has("sslpassword"):
		return "", &flaw{"must not hold a password", "say where it stands, for example database_password: {file: database-password.txt}"}
	case strings.Trim(u.Path, "/") == "" && query.Get("dbname") == "" && query.Get("database") == "":
		return "", &flaw{"must name a database", databaseExample}
	case u.Fragment != "" || strings.ContainsFunc(s, unprintable):
		return "", &flaw{"must end after its options", databaseExample}
	case slices.ContainsFunc(databaseHosts(u, query), leaves) && !slices.Contains([]string{"verify-full", "verify-ca"}, query.Get("sslmode")):
		return "", &flaw{"must be encrypted and checked, for it names another machine", "append sslmode=verify-full, and sslrootcert=/path/ca.pem where the CA is your own"}
	}
	return s, nil
}

// databaseHosts are those of a URL: before its path, and in its options, which count more.
func databaseHosts(u *url.URL, query url.Values) []string {
	if query.Has("host") {
		return strings.Split(query.Get("host"), ",")
	}
	var hosts []string
	for _, host := range strings.Split(u.Host, ",") {
		hosts = append(hosts, (&url.URL{Host: host}).Hostname())
	}
	return hosts
}

// leaves says whether what is sent to a host leaves the machine. A folder is that of a socket, and so is no host at all.
func leaves(host string) bool {
	if host == "" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || strings.EqualFold(host, "localhost") {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}
