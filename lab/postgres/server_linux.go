package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/aliasd/aliasd/lab/child"
)

// How long a server may take to answer and to end, and how often it is asked.
const (
	startLimit = time.Minute
	stopLimit  = 10 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// socketPort is part of the name of the socket, which stands in the server's own folder.
const socketPort = "5432"

// Server is a PostgreSQL server of the lab. Its methods may be called concurrently, but Up and Down.
type Server struct {
	folder  *child.Folder
	as      *syscall.Credential
	port    string
	process *child.Process
	admin   *sql.DB
	made    atomic.Int64 // databases
}

// Start makes a server and returns when it answers. It ends with Stop, and at the latest with this process.
func Start(ctx context.Context, options Options) (*Server, error) {
	as, err := account()
	if err != nil {
		return nil, err
	}
	folder, err := child.NewFolder("aliasd-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{folder: folder, as: as, port: socketPort}
	if err := s.begin(ctx, options); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) begin(ctx context.Context, options Options) (err error) {
	if _, port, ok := strings.Cut(options.Listen, ":"); ok {
		s.port = port
	}
	if err := s.initialise(ctx, options); err != nil {
		return err
	}
	if s.admin, err = sql.Open("pgx", s.URL("postgres")); err != nil {
		return err
	}
	s.admin.SetMaxOpenConns(4)
	if err := s.Up(ctx); err != nil {
		return err
	}
	_, err = s.admin.ExecContext(ctx, fmt.Sprintf(`CREATE ROLE %s LOGIN SUPERUSER PASSWORD '%s'`, Guarded, Password))
	return err
}

// URL is that of a database, by the socket, without a password.
func (s *Server) URL(database string) string {
	query := url.Values{"host": {s.folder.Path("")}, "port": {s.port}}
	return (&url.URL{Scheme: "postgres", User: url.User(User), Path: "/" + database, RawQuery: query.Encode()}).String()
}

// NewDatabase makes a database, empty or as the template is, and gives its name.
func (s *Server) NewDatabase(ctx context.Context, template string) (name string, err error) {
	name = fmt.Sprintf("db%d", s.made.Add(1))
	statement := `CREATE DATABASE ` + name
	if template != "" {
		statement += ` TEMPLATE ` + template
	}
	if _, err := s.admin.ExecContext(ctx, statement); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return name, nil
}

// DropDatabase drops a database, whoever uses it.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	_, err := s.admin.ExecContext(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`)
	return err
}

// Admin asks as the administrator of the server.
func (s *Server) Admin() *sql.DB { return s.admin }

// Up starts the server, and returns when it answers.
func (s *Server) Up(ctx context.Context) error {
	postgres, err := program("postgres")
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.folder.Path("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	command := s.command(postgres, "-D", s.folder.Path("data"))
	command.Stdout, command.Stderr = log, log
	// SIGQUIT ends the server at once, with all its children and its shared memory.
	s.process, err = child.Start(command, syscall.SIGQUIT)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	return s.await(ctx)
}

func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.process.Done():
			return fmt.Errorf("postgres ended before it answered: %w\n%s", s.process.Err(), s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("postgres did not answer: %w\n%s", err, s.lastWords())
		}
	}
}

// lastWords is the end of what the server logged.
func (s *Server) lastWords() string {
	const length = 2000
	log, err := os.ReadFile(s.folder.Path("log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-length):])
}

// Down ends the server at once, as a crash would: connections break, what was committed stays. Up starts it again.
func (s *Server) Down() error {
	if s.process == nil {
		return nil
	}
	return s.process.Stop(syscall.SIGQUIT, stopLimit)
}

// Stop ends the server and removes all that it had.
func (s *Server) Stop() error {
	err := s.Down()
	if s.admin != nil {
		err = errors.Join(err, s.admin.Close())
	}
	return errors.Join(err, s.folder.Remove())
}

// command is a program of the server, run by the account that it may run as.
func (s *Server) command(path string, args ...string) *exec.Cmd {
	command := exec.Command(path, args...)
	command.Dir, command.Env = filepath.Dir(s.folder.Path("")), append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return command
}
