package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// relations checks what several keys say together. Keys that have a problem of their own are left alone here.
func (d *decoder) relations(s *Settings) {
	d.passwordNeeds(s)
	d.bindNeeds(s.Directory.Bind)
	d.appNeeds(s.Cloud) // before the next, which puts the blame on the whole group
	d.credentialNeeds(s.Cloud)
	d.tlsNeeds(s.API)
}

// passwordNeeds: a password is for a database that has one.
func (d *decoder) passwordNeeds(s *Settings) {
	const key = "database_password"
	if d.at[key] == nil || !d.sound("database") || s.Database != "" {
		return
	}
	d.report(key, fault{node: d.at[key], flaw: flaw{"is of no use to SQLite", "give the database, or leave it out"}})
}

func (d *decoder) bindNeeds(b Bind) {
	if !d.sound("directory.bind.method") || b.Method != "simple" {
		return
	}
	d.need("directory.bind.user", "the service account, for example svc-aliasd@contoso.test")
	d.need("directory.bind.password", "for example {file: secret.txt}")
}

// credentialNeeds: exactly one way to prove to the cloud who we are.
func (d *decoder) credentialNeeds(c Cloud) {
	if !d.sound("cloud") {
		return
	}
	const text = "needs exactly one of certificate, client_secret, managed_identity"
	switch given := d.credentials(c); len(given) {
	case 0:
		d.report("cloud", fault{node: d.closest("cloud"), got: "none", flaw: flaw{
			text, "a certificate is the best choice: {file: client.pem}",
		}})
	case 1:
	default:
		d.report("cloud", fault{node: d.closest("cloud." + given[1]), got: strings.Join(given, " and "), flaw: flaw{
			text, "keep one of them",
		}})
	}
}

// credentials lists those that were given, well or badly. A managed identity that is false is none.
func (d *decoder) credentials(c Cloud) []string {
	var given []string
	for _, way := range []string{"certificate", "client_secret", "managed_identity"} {
		path := "cloud." + way
		if d.faulty[path] || (d.at[path] != nil && (way != "managed_identity" || c.ManagedIdentity)) {
			given = append(given, way)
		}
	}
	return given
}

// appNeeds: an app is named by its tenant and its id; a managed identity is known without them.
func (d *decoder) appNeeds(c Cloud) {
	if !d.sound("cloud.managed_identity") || c.ManagedIdentity {
		return
	}
	d.need("cloud.tenant_id", "the Directory (tenant) ID on the app registration's page")
	d.need("cloud.client_id", "the Application (client) ID on the app registration's page")
}

// tlsNeeds: both files or none, and none only where nobody else gets at the API.
func (d *decoder) tlsNeeds(a API) {
	const cert, key, listen = "api.tls.cert_file", "api.tls.key_file", "api.listen"
	if !d.sound(cert) || !d.sound(key) || !d.sound(listen) {
		return
	}
	switch {
	case a.TLS.CertFile != "" && a.TLS.KeyFile == "":
		d.report(key, fault{node: d.closest(cert), flaw: flaw{"is missing", "cert_file is given, so the key is needed too"}})
	case a.TLS.KeyFile != "" && a.TLS.CertFile == "":
		d.report(cert, fault{node: d.closest(key), flaw: flaw{"is missing", "key_file is given, so the certificate is needed too"}})
	case a.TLS.CertFile == "" && !isLoopback(a.Listen):
		d.report(listen, fault{node: d.closest(listen), got: strconv.Quote(a.Listen), flaw: flaw{
			"needs api.tls where other machines get at it", "give cert_file and key_file, or listen on 127.0.0.1:8440",
		}})
	}
}

// need reports a key that was not given.
func (d *decoder) need(path, hint string) {
	if d.at[path] == nil && d.sound(path) {
		d.report(path, fault{node: d.closest(path), flaw: flaw{"is missing", hint}})
	}
}

// sound says whether neither the key nor a group above it has a problem.
func (d *decoder) sound(path string) bool {
	for ; path != ""; path = above(path) {
		if d.faulty[path] {
			return false
		}
	}
	return !d.faulty[""]
}

// closest is where the key stands, or the nearest group above it that was given.
func (d *decoder) closest(path string) *yaml.Node {
	for ; path != ""; path = above(path) {
		if n := d.at[path]; n != nil {
			return n
		}
	}
	return d.root
}

func above(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }
