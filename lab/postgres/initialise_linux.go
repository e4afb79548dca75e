package postgres

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/aliasd/aliasd/lab/child"
)

// access lets everybody in by the socket, but the guarded account, and by TCP everybody with the password.
const access = `local all ` + Guarded + ` scram-sha-256
local all all trust
host all all 127.0.0.0/8 scram-sha-256
`

// initialise makes the files of a server.
func (s *Server) initialise(ctx context.Context, options Options) error {
	if len(s.folder.Path(".s.PGSQL.65535")) > 100 {
		return fmt.Errorf("the temporary folder's name is too long for a socket: %s", s.folder.Path(""))
	}
	if err := s.give(s.folder.Path("")); err != nil {
		return err
	}
	if err := s.initdb(ctx); err != nil {
		return err
	}
	files := map[string]string{"postgresql.conf": s.settings(options), "pg_hba.conf": access}
	if options.TLS != nil {
		files["server.crt"], files["server.key"] = string(options.TLS.Cert), string(options.TLS.Key)
	}
	for name, content := range files {
		path := s.folder.Path("data/" + name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
		if err := s.give(path); err != nil {
			return err
		}
	}
	return nil
}

// give makes a file the server's own.
func (s *Server) give(path string) error {
	if s.as == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Uid), int(s.as.Gid))
}

func (s *Server) initdb(ctx context.Context) error {
	initdb, err := program("initdb")
	if err != nil {
		return err
	}
	var out strings.Builder
	command := s.command(initdb, "-D", s.folder.Path("data"), "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	command.Stdout, command.Stderr = &out, &out
	process, err := child.Start(command, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		return process.Stop(syscall.SIGTERM, stopLimit)
	}
	if err := process.Err(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out.String())
	}
	return nil
}

// settings is postgresql.conf.
func (s *Server) settings(options Options) string {
	values := map[string]string{
		"port": s.port, "unix_socket_directories": s.folder.Path(""), "listen_addresses": "",
		"max_connections": "300", "shared_buffers": "32MB", "log_timezone": "UTC", "timezone": "UTC",
		"fsync": "off", "full_page_writes": "off",
	}
	if options.Fsync {
		values["fsync"], values["full_page_writes"] = "on", "on"
	}
	if host, _, ok := strings.Cut(options.Listen, ":"); ok {
		values["listen_addresses"] = host
	}
	if options.TLS != nil {
		values["ssl"] = "on"
	}
	maps.Copy(values, options.Settings)
	var conf strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&conf, "%s = '%s'\n", name, strings.ReplaceAll(values[name], "'", "''"))
	}
	return conf.String()
}
