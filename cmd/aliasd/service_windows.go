package main

import (
	"errors"
	"os"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows/svc"
)

// serviceArguments start the daemon through the hidden `service run`.
func serviceArguments(settings string) []string {
	return []string{"service", "run", "--config", settings}
}

// runUnderManager hands the process to the service control manager. service.Run would first ask whether it is
// interactive, and takes itself for that where its parent is not in session 0.
func runUnderManager(s service.Service) error {
	handler, ok := s.(svc.Handler)
	if !ok {
		return errors.New("service run: this build cannot run as a Windows service")
	}
	return svc.Run(serviceName, handler)
}

func exitProcess(code int) { os.Exit(code) }
