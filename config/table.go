package config

import (
	"fmt"
	"strconv"
	"time"
)

// table is the settings file: every key with its reader, default and explanation, in the order of the sample. What is
// read goes into s.
func table(s *Settings, b base) []key {
	return []key{
		{
			name: "data_dir", off: true, def: quoted(b.dataDir()), sample: "/var/lib/aliasd",
			read: text(&s.DataDir, filled(filePath(b))),
			doc: "Where aliasd keeps its state. The folder belongs to the service alone: mode 0700 on Linux, and on " +
				"Windows rules for SYSTEM, Administrators and the service's account only. aliasd makes it, and " +
				"refuses to start when it is wider. Default: /var/lib/aliasd; on Windows %ProgramData%\\aliasd.",
		},
		{
			name: "database", def: `""`,
			read: text(&s.Database, databaseURL),
			doc: "Empty: SQLite in data_dir. For several nodes a PostgreSQL database that they share: " +
				"postgres://aliasd@db.contoso.test/aliasd?sslmode=verify-full. It holds no password.",
		},
		{
			name: "database_password", off: true, sample: "{file: database-password.txt}", read: secret(&s.DatabasePassword, b),
			doc: "Where the database's password stands, never the password itself. Read for each connection. Without it, " +
				"PostgreSQL's own ways count: PGPASSWORD, and the password file.",
		},
		{name: "log", keys: logKeys(&s.Log), doc: "What is logged, to standard error (and on Windows to the event log)."},
		{name: "directory", keys: directoryKeys(&s.Directory, b), doc: "The on-premises Active Directory. It is reached by LDAPS only, and its certificate is always checked."},
		{name: "cloud", keys: cloudKeys(&s.Cloud, b), doc: "The Entra tenant, read through Microsoft Graph with read permissions only."},
		{name: "schedule", keys: scheduleKeys(&s.Schedule), doc: "When things are done, as cron expressions in the machine's local time: minute hour day month weekday, or @every 30s, @daily and the like. Quote them."},
		{name: "verify", keys: verifyKeys(&s.Verify)},
		{name: "limits", keys: limitsKeys(&s.Limits), doc: "The brakes on what is written, over all nodes together; 0 is none. What is above the caps or a " +
			"burst is held until an administrator looks at it and runs aliasd release; it never lets itself go. The defaults suit a company of 5,000."},
		{name: "api", keys: apiKeys(&s.API, b), doc: "The REST API."},
		{name: "report", keys: reportKeys(&s.Report)},
		{name: "retention", keys: retentionKeys(&s.Retention)},
	}
}

func logKeys(l *Log) []key {
	return []key{
		{name: "level", def: "info", read: text(&l.Level, choice("debug", "info", "warn", "error")), doc: "debug, info, warn or error."},
		{name: "format", def: "text", read: text(&l.Format, choice("text", "json")), doc: "text or json."},
	}
}

func directoryKeys(d *Directory, b base) []key {
	writable := map[string]string{"389": "plain LDAP", "3268": "the plain global catalog", "3269": "the global catalog, which is read-only"}
	catalog := map[string]string{"389": "plain LDAP", "636": "one domain only", "3268": "the plain global catalog"}
	return []key{
		{
			name: "servers", required: true, sample: `["ldaps://dc1.contoso.test:636"]`,
			read: atLeastOne(list(&d.Servers, ldapsURL("636", writable))),
			doc: "The domain controllers, the first of them pinned: best the one that the sync server reads from. " +
				"The others are read when it is away, and written to only when that is safe.",
		},
		{
			name: "global_catalog", sample: `["ldaps://dc1.contoso.test:3269"]`,
			read: list(&d.GlobalCatalog, ldapsURL("3269", catalog)),
			doc:  "Global catalogs, for finding who else in the forest holds an address. Leave it out in a forest of one domain.",
		},
		{
			name: "base_dn", required: true, sample: `"DC=contoso,DC=test"`, read: text(&d.BaseDN, dn),
			doc: "Where holders are looked for.",
		},
		{
			name: "ca_file", def: `""`, sample: "ca.pem", off: true, read: text(&d.CAFile, filePath(b)),
			doc: "The CA that signed the domain controllers' certificates, PEM. Default: the system's roots.",
		},
		{name: "bind", keys: bindKeys(&d.Bind, b), doc: "The account that aliasd uses; it needs write access to proxyAddresses and mail, and nothing else."},
		{name: "connections", def: "4", read: integer(&d.Connections, 1, 64), doc: "Connections per server."},
		{name: "timeout", def: "10s", read: duration(&d.Timeout, 5*time.Minute), doc: "How long one LDAP operation may take."},
	}
}

func bindKeys(bind *Bind, b base) []key {
	var keytab, krb5 string // kept once Kerberos comes
	return []key{
		{
			name: "method", def: "simple", read: text(&bind.Method, laterMethods),
			doc: "simple. kerberos (keytab, krb5_conf) and windows (the service's own account) come in a later version.",
		},
		{name: "user", sample: "svc-aliasd@contoso.test", read: text(&bind.User, filled(asIs)), doc: "userPrincipalName, DOMAIN\\account or DN."},
		{
			name: "password", sample: "{file: secret.txt}", read: secret(&bind.Password, b),
			doc: "Where the password stands, never the password itself. Read when it is used, so that a new one needs no restart.",
		},
		{name: "keytab", def: `""`, off: true, read: text(&keytab, notYet("Kerberos comes in a later version; use method simple")), doc: "For kerberos."},
		{name: "krb5_conf", def: `""`, off: true, read: text(&krb5, notYet("Kerberos comes in a later version; use method simple")), doc: "For kerberos."},
	}
}

func laterMethods(s string) (string, *flaw) {
	if s == "kerberos" || s == "windows" {
		return "", &flaw{"is not supported yet", s + " comes in a later version; use simple"}
	}
	return choice("simple")(s)
}

func cloudKeys(c *Cloud, b base) []key {
	return []key{
		{
			name: "environment", def: "global", read: text(&c.Environment, choice("global", "usgov", "usgov-dod", "china")),
			doc: "global, usgov, usgov-dod or china.",
		},
		{name: "tenant_id", sample: `"00000000-0000-0000-0000-000000000000"`, read: text(&c.TenantID, tenant), doc: "The tenant's GUID, or one of its domains."},
		{name: "client_id", sample: `"00000000-0000-0000-0000-000000000000"`, read: text(&c.ClientID, clientID), doc: "The app registration's Application (client) ID."},
		{
			name: "certificate", sample: "{file: client.pem}", read: secret(&c.Certificate, b),
			doc: "How the app proves who it is: exactly one of certificate (with its private key), client_secret and managed_identity.",
		},
		{name: "client_secret", sample: "{file: client-secret.txt}", off: true, read: secret(&c.ClientSecret, b), doc: "The app's client secret."},
		{
			name: "managed_identity", sample: "true", off: true, read: boolean(&c.ManagedIdentity),
			doc: "For machines in Azure, or connected by Azure Arc; tenant_id is not needed then, and client_id only for a user-assigned one.",
		},
		{
			name: "graph_url", def: `""`, off: true, read: text(&c.GraphURL, orEmpty(httpsURL)),
			doc: "Only for a simulator or a proxy, without the version: https://localhost:8443.",
		},
		{name: "authority_url", def: `""`, off: true, read: text(&c.AuthorityURL, orEmpty(httpsURL)), doc: "Likewise, for the token endpoint."},
		{name: "ca_file", def: `""`, off: true, read: text(&c.CAFile, filePath(b)), doc: "The CA of the simulator or proxy, PEM. Default: the system's roots."},
	}
}

func scheduleKeys(s *Schedule) []key {
	return []key{
		{name: "verify", def: `"*/2 * * * *"`, read: text(&s.Verify, filled(cronExpr)), doc: "The sweep over all requests that wait for the cloud. One that still runs is not doubled."},
		{name: "report", def: `"0 7 * * *"`, read: text(&s.Report, orEmpty(cronExpr)), doc: "The verification report. Empty: never."},
		{name: "audit", def: `""`, read: text(&s.Audit, orEmpty(cronExpr)), doc: "The audit: one pass over every holder, both sides compared. Empty: never."},
	}
}

func verifyKeys(v *Verify) []key {
	return []key{
		{
			name: "deadline", def: "24h", read: duration(&v.Deadline, 0),
			doc: "How long after the write the cloud may take to show an address. Past it the request is mismatched, and is still looked at for 7 days.",
		},
		{
			name: "sync_interval", def: "30m", read: durationWithin(&v.SyncInterval, time.Second, 24*time.Hour),
			doc: "The sync engine's cycle, as Get-ADSyncScheduler on the sync server calls it: CustomizedSyncCycleInterval, or else " +
				"AllowedSyncCycleInterval. A last sync older than three cycles counts as stopped; what was changed less than one ago, and " +
				"the calculation that follows a sync within one, are waited for.",
		},
		{
			name: "units_per_tick", def: "2000", read: integer(&v.UnitsPerTick, 50, 100000),
			doc: "How many of Microsoft Graph's resource units one sweep may spend, from 50; one of them shows up to 15 holders. What " +
				"they do not suffice for comes first in the next sweep. Keep it well below what this app has in ten seconds, 3,500 to " +
				"8,000 depending on the tenant's size: the looks before a write need some of that.",
		},
	}
}

func limitsKeys(l *Limits) []key {
	return []key{
		{name: "writes_per_hour", def: "1000", read: integer(&l.WritesPerHour, 0, mostLimit), doc: "Requests written in any hour."},
		{
			name: "removals_per_hour", def: "100", read: integer(&l.RemovalsPerHour, 0, mostLimit),
			doc: "Addresses that holders lose in any hour. An alias that becomes the primary, and a primary that stays as an alias, are not lost.",
		},
		{name: "burst", doc: "More requests than this from one source: a token, and the requester where the request names one.", keys: []key{
			{name: "requests", def: "200", read: integer(&l.Burst.Requests, 0, mostLimit), doc: "Requests of one source."},
			{name: "within", def: "10m", read: durationWithin(&l.Burst.Within, time.Second, 24*time.Hour), doc: "The time that they are counted in."},
		}},
		{name: "pace", doc: "How fast bulk work goes, evenly spread: what is faster waits, and nothing is held. Entra takes at most 7,000 writes of " +
			"the sync in 5m, and what comes from others has to fit in too.", keys: []key{
			{name: "writes", def: "3000", read: integer(&l.Pace.Writes, 0, mostLimit), doc: "Requests written."},
			{name: "within", def: "5m", read: durationWithin(&l.Pace.Within, time.Second, time.Hour), doc: "The time that they are spread over."},
		}},
	}
}

// mostLimit is above everything that anybody means.
const mostLimit = 1000000

func apiKeys(a *API, b base) []key {
	return []key{
		{
			name: "listen", def: `"127.0.0.1:8440"`, read: text(&a.Listen, listenAddress),
			doc: "host:port. Anything but this machine itself (127.0.0.1, ::1, localhost) needs tls.",
		},
		{name: "tls", keys: []key{
			{name: "cert_file", def: `""`, read: text(&a.TLS.CertFile, filePath(b)), doc: "The certificate and those between it and the root, PEM."},
			{name: "key_file", def: `""`, read: text(&a.TLS.KeyFile, filePath(b)), doc: "Its private key, PEM, closed to others."},
		}},
		{name: "rate", doc: "Calls of one token per second; five times as many may come at once. 0 is no bound.", keys: []key{
			{name: "reads", def: "100", read: integer(&a.Rate.Reads, 0, 100000), doc: "Calls that only read."},
			{name: "writes", def: "20", read: integer(&a.Rate.Writes, 0, 100000), doc: "All others. The local administrator's token is not bounded."},
		}},
	}
}

func reportKeys(r *Report) []key {
	return []key{{
		name: "dir", def: "reports", read: text(&r.Dir, filled(asIs)),
		doc: "The folder for reports, relative to data_dir. They name people and their addresses, so it is closed to others.",
	}}
}

func retentionKeys(r *Retention) []key {
	return []key{{
		name: "days", def: "0", read: zeroOr(&r.Days, LeastRetention, 36500),
		doc: "How many days after its end a request is removed, with its entries in the event log: 30 or more, and 400 is a year and " +
			"some time to look back at it; 0 keeps everything. What stays of the log can be verified still. Never removed are " +
			"open requests, and of each holder the last one that wrote to it. What is removed is gone: aliasd log export keeps it.",
	}}
}

// zeroOr reads 0, or a number from least to most.
func zeroOr(into *int, least, most int) reader {
	return scalar(into, numberKind(), func(s string) (int, *flaw) {
		n, err := strconv.Atoi(s)
		if err != nil || n != 0 && (n < least || n > most) {
			return 0, &flaw{fmt.Sprintf("must be 0, or a number from %d to %d", least, most), ""}
		}
		return n, nil
	})
}
