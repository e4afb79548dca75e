package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Settings is the whole settings file, defaults filled in. Paths are absolute, or relative to the folder that Parse
// was given.
type Settings struct {
	// DataDir belongs to the service alone; SQLite and the local administrator's token stand in it.
	DataDir string
	// Database is empty for SQLite in DataDir, else the URL of a PostgreSQL database, without a password.
	Database         string
	DatabasePassword Secret
	Log              Log
	Directory        Directory
	Cloud            Cloud
	Schedule         Schedule
	Verify           Verify
	Limits           Limits
	API              API
	Report           Report
	Retention        Retention

	places places
}

// Log is what is logged, and how.
type Log struct {
	Level  string // debug, info, warn, error
	Format string // text, json
}

// Directory is the on-premises side.
type Directory struct {
	// Servers are URLs ldaps://host:port, the port always given; the first is the pinned one.
	Servers []string
	// GlobalCatalog likewise; empty: none.
	GlobalCatalog []string
	BaseDN        string // RFC 4514
	CAFile        string // empty: the system's roots
	Bind          Bind
	Connections   int           // per server
	Timeout       time.Duration // per operation
}

// Bind is the account that aliasd uses on-premises.
type Bind struct {
	Method   string // simple
	User     string
	Password Secret
}

// Cloud is the tenant, and the app that reads it. Exactly one of Certificate, ClientSecret and ManagedIdentity is set.
type Cloud struct {
	Environment string // global, usgov, usgov-dod, china
	TenantID    string
	ClientID    string
	// Certificate holds the private key too, PEM or PKCS #12: read it with Secret.Bytes.
	Certificate     Secret
	ClientSecret    Secret
	ManagedIdentity bool
	GraphURL        string // https://host:port without path; empty: the environment's
	AuthorityURL    string // likewise
	CAFile          string // empty: the system's roots
}

// Schedule holds cron expressions as github.com/robfig/cron/v3's ParseStandard takes them; empty: never.
type Schedule struct {
	Verify, Report, Audit string
}

// Verify is how long the cloud may take, and what looking costs at most.
type Verify struct {
	Deadline time.Duration
	// SyncInterval is the sync engine's cycle.
	SyncInterval time.Duration
	// UnitsPerTick are Graph's resource units that one sweep may spend.
	UnitsPerTick int
}

// Limits are the brakes; 0 is none.
type Limits struct {
	WritesPerHour   int
	RemovalsPerHour int
	Burst           Burst
	Pace            Pace
}

// Burst is how many requests one source may send within a time.
type Burst struct {
	Requests int
	Within   time.Duration
}

// Pace is how many requests are written within a time.
type Pace struct {
	Writes int
	Within time.Duration
}

// API is where the REST API listens.
type API struct {
	Listen string // host:port
	TLS    TLS
	Rate   Rate
}

// Rate is how many calls per second one token may make; 0 is no bound.
type Rate struct {
	Reads, Writes int
}

// TLS is the API's certificate; both files or none. Listen is a loopback address where there is none.
type TLS struct {
	CertFile, KeyFile string
}

// Report is where verification reports go.
type Report struct {
	Dir string
}

// LeastRetention is how many days requests are kept at least.
const LeastRetention = 30

// Retention is how long requests and their events are kept.
type Retention struct {
	Days int // after a request has ended; 0: for ever
}

// maxSettings is the longest settings file that is read, in bytes.
const maxSettings = 1 << 20

// Load reads the settings file at path. env looks variables up, now for the default data folder and later for secrets;
// nil is os.LookupEnv. The error is Problems, all of them; one without a line where there is no file, or it cannot be read.
func Load(path string, env func(string) (string, bool)) (*Settings, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, Problems{{File: path, Text: "cannot be found", Hint: err.Error()}}
	}
	data, bad := readSettings(abs)
	if bad != nil {
		return nil, Problems{{File: path, Text: bad.text, Hint: bad.hint}}
	}
	return parse(path, data, newBase(filepath.Dir(abs), env))
}

func readSettings(path string) ([]byte, *flaw) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &flaw{"there is no such settings file", "aliasd config sample prints one to start from"}
	case err == nil && (!info.Mode().IsRegular() || info.Size() > maxSettings):
		return nil, &flaw{fmt.Sprintf("is no regular file of at most %d bytes", maxSettings), ""}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &flaw{"cannot be read", withoutPath(err)}
	}
	return data, nil
}

// withoutPath is what the operating system said, without the path, which is told already.
func withoutPath(err error) string {
	var known *fs.PathError
	if errors.As(err, &known) {
		return known.Err.Error()
	}
	return err.Error()
}

// base is what settings are read against.
type base struct {
	dir  string // relative paths start here
	env  func(string) (string, bool)
	goos string
}

func newBase(dir string, env func(string) (string, bool)) base {
	if env == nil {
		env = os.LookupEnv
	}
	return base{dir: dir, env: env, goos: runtime.GOOS}
}

// path makes p relative to the settings file's folder; an absolute one stays.
func (b base) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(b.dir, p)
}

// dataDir is the default of data_dir.
func (b base) dataDir() string {
	if b.goos != "windows" {
		return "/var/lib/aliasd"
	}
	if programData, ok := b.env("ProgramData"); ok && programData != "" {
		return programData + `\aliasd`
	}
	return `C:\ProgramData\aliasd`
}
