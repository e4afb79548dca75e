package samba

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/aliasd/aliasd/lab/site"
)

// The passwords of the lab's domain. It listens on loopback only and lives for one test.
const (
	adminPassword   = "Passw0rd-lab"
	servicePassword = "Passw0rd-svc"
)

// provisioning are the LDIF files that make a plain domain the lab's: attributes, then the classes that may hold them, then
// the organizational units and the service account.
//
//go:embed provision
var provisioning embed.FS

// placeholder is the address that a domain is provisioned with; each domain controller gets its own later.
const placeholder = "127.0.10.1"

// delegate gives the service account the right to write two attributes on three classes, and nothing more
// (schemaIDGUIDs of win32 ADSchema). The property set that both attributes belong to would include the UPN.
func delegate(sid string) string {
	var sddl strings.Builder
	for _, attribute := range []string{
		"bf967a06-0de6-11d0-a285-00aa003049e2", // proxyAddresses
		"bf967961-0de6-11d0-a285-00aa003049e2", // mail
	} {
		for _, class := range []string{
			"bf967aba-0de6-11d0-a285-00aa003049e2", // user
			"bf967a9c-0de6-11d0-a285-00aa003049e2", // group
			"5cb41ed0-0e4c-11d0-a286-00aa003049e2", // contact
		} {
			fmt.Fprintf(&sddl, "(OA;CIIO;WP;%s;%s;%s)", attribute, class, sid)
		}
	}
	return sddl.String()
}

// provision makes the lab's domain in an empty folder. The attributes are added by one program and used by the next,
// because a program does not see the schema that it has just changed.
func provision(ctx context.Context, f folder) error {
	if err := f.writeSettings(placeholder); err != nil {
		return err
	}
	if err := createDomain(ctx, f); err != nil {
		return err
	}
	for _, step := range []struct{ tool, file string }{
		{ldbAdd, "attributes.ldif"}, {ldbModify, "classes.ldif"}, {ldbAdd, "domain.ldif"},
	} {
		if err := load(ctx, f, step.tool, step.file); err != nil {
			return err
		}
	}
	sid, err := serviceSID(ctx, f)
	if err != nil {
		return err
	}
	_, err = run(ctx, sambaTool, "dsacl", "set", "-s", f.conf(), "-H", f.database(),
		"--objectdn="+site.People+","+site.BaseDN, "--sddl="+delegate(sid))
	return err
}

// createDomain runs samba-tool's provisioning by a script of ours, with the Python that samba-tool itself runs with: another one
// on the PATH may not have Samba's modules.
func createDomain(ctx context.Context, f folder) error {
	script, err := provisioning.ReadFile("provision/provision.py")
	if err != nil {
		return fmt.Errorf("read the script: %w", err)
	}
	python, err := interpreter()
	if err != nil {
		return err
	}
	_, err = run(ctx, python, "-c", string(script), "domain", "provision", "-s", f.conf(), "--realm=CONTOSO.TEST",
		"--domain=CONTOSO", "--server-role=dc", "--dns-backend=NONE", "--host-name=dc1", "--host-ip="+placeholder,
		"--adminpass="+adminPassword, "--quiet")
	return err
}

// interpreter is the program in samba-tool's first line.
func interpreter() (string, error) {
	path, err := program(sambaTool)
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read samba-tool: %w", err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	words := strings.Fields(strings.TrimPrefix(first, "#!"))
	if !strings.HasPrefix(first, "#!") || len(words) == 0 {
		return "", fmt.Errorf("samba-tool names no interpreter: %q", first)
	}
	return words[len(words)-1], nil // "/usr/bin/env python3" names it last
}

// load feeds an embedded LDIF file to one of the ldb tools.
func load(ctx context.Context, f folder, tool, file string) error {
	content, err := provisioning.ReadFile("provision/" + file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return feed(ctx, f, tool, content)
}

// feed changes the database without a server.
func feed(ctx context.Context, f folder, tool string, ldif []byte) error {
	if err := f.write("load.ldif", ldif); err != nil {
		return err
	}
	_, err := run(ctx, tool, "-H", f.database(), "--configfile="+f.conf(), "--option=dsdb:schema update allowed=yes",
		f.path("load.ldif"))
	return err
}

// serviceSID reads the SID that the domain gave to the service account.
func serviceSID(ctx context.Context, f folder) (string, error) {
	out, err := run(ctx, ldbSearch, "-H", f.database(), "--configfile="+f.conf(),
		"(sAMAccountName="+site.ServiceAccount+")", "objectSid")
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^objectSid: (S-1-[0-9-]+)$`).FindSubmatch(out)
	if found == nil {
		return "", errors.New("the service account has no SID in: " + string(out))
	}
	return string(found[1]), nil
}

// run runs an installed program to its end and gives what it printed.
func run(ctx context.Context, name string, arguments ...string) ([]byte, error) {
	path, err := program(name)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, path, arguments...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("run %s %s: %w: %s%s", name, arguments[0], err, problems.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}
