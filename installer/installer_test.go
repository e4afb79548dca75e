package installer

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUnitStartsTheDaemon(t *testing.T) {
	t.Parallel()
	for _, want := range []string{
		"\nExecStart=" + program + " run --config " + settings + "\n", "\nType=exec\n", "\nRestart=on-failure\n",
		"\nStateDirectory=aliasd\n", "\nStateDirectoryMode=0700\n", "\n#LoadCredential=", "\nWantedBy=multi-user.target\n",
	} {
		if strings.Count(unit, want) == 0 {
			t.Errorf("the unit lacks %q", want)
		}
	}
}

func TestUnitFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ program, settings, want string }{
		{"/opt/aliasd", "/srv/a.yaml", "ExecStart=/opt/aliasd run --config /srv/a.yaml"},
		{"/opt/my tools/aliasd", "/srv/100%.yaml", `ExecStart="/opt/my tools/aliasd" run --config "/srv/100%%.yaml"`},
		{"/opt/aliasd", `/srv/a"b\c$d.yaml`, `ExecStart=/opt/aliasd run --config "/srv/a\"b\\c$$d.yaml"`},
	} {
		got := UnitFor(c.program, c.settings)
		if !strings.Contains(got, "\n"+c.want+"\n") || strings.Contains(got, program) {
			t.Errorf("%s %s: want %s in\n%s", c.program, c.settings, c.want, got)
		}
	}
	if UnitFor(program, settings) != unit {
		t.Error("the unit for the usual paths is another one")
	}
}

// TestSystemdLikesTheUnit asks systemd itself, without running it.
func TestSystemdLikesTheUnit(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze", "package systemd")
	self, err := os.Executable() // a program that is there
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), ServiceName+".service")
	if err := os.WriteFile(file, []byte(UnitFor(self, "/etc/aliasd/it's 100% ours.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err = exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold=15", file).CombinedOutput()
	if err != nil {
		t.Errorf("exposed more than 1.5 of 10: %v\n%s", err, out)
	}
}

// tool finds a program, or skips the test aloud.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: %s is not installed (%s)", name, from)
	}
	return path
}

// TestMSISpeaksOfTheSameService: what the MSI registers is what the program expects.
func TestMSISpeaksOfTheSameService(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("aliasd.wxs")
	if err != nil {
		t.Fatal(err)
	}
	services := elements(t, source, "ServiceInstall")
	if len(services) != 1 || services[0]["Name"] != ServiceName {
		t.Fatalf("services %v", services)
	}
	arguments := WindowsArguments("[DATADIR]aliasd.yaml")
	arguments[3] = `"` + arguments[3] + `"`
	if got, want := services[0]["Arguments"], strings.Join(arguments, " "); got != want {
		t.Errorf("started with %s, want %s", got, want)
	}
	if services[0]["Start"] != "demand" {
		t.Error("starts by itself on a machine without settings")
	}
	if slices.ContainsFunc(elements(t, source, "ServiceControl"), func(a map[string]string) bool { return a["Start"] != "" }) {
		t.Error("the installation fails on a machine without settings")
	}
}

// elements lists the attributes of the elements of one name.
func elements(t *testing.T, source []byte, name string) []map[string]string {
	t.Helper()
	var found []map[string]string
	decoder := xml.NewDecoder(strings.NewReader(string(source)))
	for {
		token, err := decoder.Token()
		if token == nil {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			attributes := map[string]string{}
			for _, a := range start.Attr {
				attributes[a.Name.Local] = a.Value
			}
			found = append(found, attributes)
		}
	}
}

// TestBuildMSI builds the MSI around a dummy program and looks at its tables.
func TestBuildMSI(t *testing.T) {
	t.Parallel()
	wixl := tool(t, "wixl", "package wixl")
	msi := buildMSI(t, wixl)
	msiinfo := tool(t, "msiinfo", "package msitools")
	for table, rows := range map[string][][]string{
		"ServiceInstall":         {{ServiceName, "16", "3", "1", "[SERVICEACCOUNT]", `run --service --config "[DATADIR]aliasd.yaml"`}},
		"ServiceControl":         {{ServiceName, "162", "1"}}, // stop on install and uninstall, delete on uninstall
		"File":                   {{"aliasd.exe"}, {"aliasd.sample.yaml"}},
		"Property":               {{"ProductVersion", "1.2.3"}, {"SERVICEACCOUNT", "LocalSystem"}, {"ALLUSERS", "1"}},
		"Upgrade":                {{"1.2.3", "WIX_UPGRADE_DETECTED"}, {"1.2.3", "WIX_DOWNGRADE_DETECTED"}},
		"CreateFolder":           {{"DATADIR"}},
		"InstallExecuteSequence": {{"RemoveExistingProducts"}, {"CloseFolder", "3710"}, {"CreateFolders", "3700"}, {"InstallFiles", "4000"}},
		"CustomAction":           {{"CloseFolder", "3186", "ICACLS"}, {"FindIcacls", "51"}},
	} {
		out, err := exec.Command(msiinfo, "export", msi, table).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", table, err, out)
		}
		for _, row := range rows {
			if !hasRow(string(out), row) {
				t.Errorf("table %s lacks %q:\n%s", table, row, out)
			}
		}
	}
}

// hasRow says whether a line holds all the cells.
func hasRow(table string, cells []string) bool {
	for _, line := range strings.Split(strings.ReplaceAll(table, "\r", ""), "\n") {
		have := strings.Split(line, "\t")
		if !slices.ContainsFunc(cells, func(cell string) bool { return !slices.Contains(have, cell) }) {
			return true
		}
	}
	return false
}

func buildMSI(t *testing.T, wixl string) string {
	t.Helper()
	dir := t.TempDir()
	exe, msi := filepath.Join(dir, "dummy.exe"), filepath.Join(dir, "aliasd.msi")
	if err := os.WriteFile(exe, []byte("MZ dummy"), 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(here, exe)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(wixl, "-a", "x64", "-D", "Version=1.2.3", "-D", "Exe="+relative, "-o", msi, "installer/aliasd.wxs")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("wixl: %v\n%s", err, out)
	}
	data, err := os.ReadFile(msi)
	if err != nil || !strings.HasPrefix(string(data), "\xd0\xcf\x11\xe0") {
		t.Fatal(fmt.Errorf("no MSI: %w", err))
	}
	return msi
}
