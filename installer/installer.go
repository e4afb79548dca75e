// Package installer holds what registers aliasd as a service: the systemd unit, and the source of the MSI with the names
// that it shares with the program.
//
// It registers nothing itself and touches no file: the command line does that. It imports nothing of ours.
package installer

import (
	_ "embed" // for the unit
	"strings"
)

// ServiceName is what the service is called by systemd and by Windows.
const ServiceName = "aliasd"

// program and settings are what the unit starts as it stands.
const (
	program  = "/usr/local/bin/aliasd"
	settings = "/etc/aliasd/aliasd.yaml"
)

// unit is the systemd unit, for /usr/local/bin/aliasd and /etc/aliasd/aliasd.yaml.
//
//go:embed aliasd.service
var unit string

// UnitFor is the systemd unit for another program or settings file; both must be absolute paths. The unit hides /home and
// /root from the service, so neither can stand there.
func UnitFor(programPath, settingsPath string) string {
	line := "ExecStart=" + program + " run --config " + settings
	return strings.Replace(unit, line, "ExecStart="+word(programPath)+" run --config "+word(settingsPath), 1)
}

// word makes a path one word of a unit's command line (systemd.service(5), Command lines): specifiers and variables are
// taken literally.
func word(path string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(path)
	if escaped == path && !strings.ContainsAny(path, " \t';") {
		return path
	}
	return `"` + escaped + `"`
}

// WindowsArguments is what the Windows service starts aliasd with. --service tells it apart from a start by a person:
// whether a process was started by the service manager cannot be told from its session alone.
func WindowsArguments(settingsPath string) []string {
	return []string{"run", "--service", "--config", settingsPath}
}
