package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/installer"
)

func (a *app) serviceCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "service", Short: "Install, remove, start and stop the service",
		Example: "  aliasd service install -c /etc/aliasd/aliasd.yaml\n  aliasd service start\n  aliasd service status"})
	verbs := []struct {
		use, short string
		do         func(service.Service) error
	}{
		{"install", "Install the service; it starts with the machine", service.Service.Install},
		{"uninstall", "Stop the service and remove it", service.Service.Uninstall},
		{"start", "Start the service", service.Service.Start},
		{"stop", "Stop the service; what has begun is finished", service.Service.Stop},
	}
	for _, v := range verbs {
		c.AddCommand(&cobra.Command{Use: v.use, Short: v.short, Example: "  aliasd service " + v.use, Args: args(cobra.NoArgs),
			RunE: func(c *cobra.Command, _ []string) error { return a.onService(c.Context(), v.use, v.do) }})
	}
	c.AddCommand(a.serviceStatusCommand())
	return c
}

func (a *app) onService(ctx context.Context, verb string, do func(service.Service) error) error {
	s, err := a.newService(ctx)
	if err != nil {
		return err
	}
	if err := checkManager(s.Platform()); err != nil {
		return err
	}
	if err := do(s); err != nil {
		return whyNot(verb, s, err)
	}
	if a.json {
		return a.printJSON(map[string]string{"service": installer.ServiceName, "done": verb})
	}
	fmt.Fprintf(a.out, "%s: %s done\n", installer.ServiceName, verb)
	return nil
}

// whyNot says in words why the service manager did not do something.
func whyNot(verb string, s service.Service, err error) error {
	if _, status := s.Status(); verb != "install" && errors.Is(status, service.ErrNotInstalled) {
		return fmt.Errorf("service %s: the service is not installed; aliasd service install does that", verb)
	}
	return fmt.Errorf("service %s: %w (are you an administrator?)", verb, err)
}

// checkManager refuses service managers that aliasd is not made for: their answers would say nothing.
func checkManager(platform string) error {
	switch platform {
	case "linux-systemd", "windows-service":
		return nil
	}
	return fmt.Errorf("there is no systemd here, and no Windows services (found %s): let what starts programs on this machine start aliasd run", platform)
}

func (a *app) serviceStatusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say whether the service runs; exit code 1 when it does not", Example: "  aliasd service status",
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.newService(c.Context())
			if err != nil {
				return err
			}
			if err := checkManager(s.Platform()); err != nil {
				return err
			}
			status, err := s.Status()
			return a.printStatus(status, err)
		}}
}

func (a *app) printStatus(status service.Status, err error) error {
	word := map[service.Status]string{service.StatusRunning: "running", service.StatusStopped: "stopped"}[status]
	if errors.Is(err, service.ErrNotInstalled) {
		word, err = "not installed", nil
	}
	if err != nil {
		return fmt.Errorf("service status: %w", err)
	}
	if a.json {
		err = a.printJSON(map[string]string{"service": installer.ServiceName, "status": word})
	} else {
		_, err = fmt.Fprintf(a.out, "%s: %s\n", installer.ServiceName, word)
	}
	if err == nil && status != service.StatusRunning {
		return &silentError{code: exitError}
	}
	return err
}

// newService describes the service to the system's manager.
func (a *app) newService(ctx context.Context) (service.Service, error) {
	file, err := filepath.Abs(a.configFile)
	if err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own program: %w", err)
	}
	s, err := service.New(&program{app: a, base: ctx}, &service.Config{
		Name: installer.ServiceName, DisplayName: "aliasd", Description: "Writes e-mail aliases on-premises and sees them arrive in the cloud",
		Arguments: installer.WindowsArguments(file),
		Option: service.KeyValue{
			// kardianos/service takes the unit for a template.
			"SystemdScript": strings.ReplaceAll(installer.UnitFor(own, file), "{{", `{{"{{"}}`),
			"OnFailure":     "restart", "OnFailureDelayDuration": "10s", "OnFailureResetPeriod": 86400,
		},
	})
	if err != nil {
		if errors.Is(err, service.ErrNoServiceSystemDetected) {
			return nil, checkManager("none")
		}
		return nil, fmt.Errorf("service manager: %w", err)
	}
	return s, nil
}

// program is the daemon as the service manager sees it.
type program struct {
	app  *app
	base context.Context
	stop context.CancelFunc
	done chan error
}

// Start begins and returns at once, as a service manager expects.
func (p *program) Start(s service.Service) error {
	ctx, stop := context.WithCancel(p.base)
	p.stop, p.done = stop, make(chan error, 1)
	go func() {
		err := p.app.runDaemon(ctx)
		p.done <- err
		if err != nil {
			p.app.reportFailure(s, err)
		}
	}()
	return nil
}

// Stop drains and returns when the daemon has ended. It is called for a shutdown of the machine too.
func (p *program) Stop(service.Service) error {
	p.stop()
	return <-p.done
}

// reportFailure tells the system's log why the daemon ended by itself, and ends the process so that the manager's recovery
// takes over.
func (a *app) reportFailure(s service.Service, err error) {
	if logger, logErr := s.SystemLogger(nil); logErr == nil {
		_ = logger.Error(err)
	}
	a.tell(err)
	exitProcess(exitCode(err))
}
