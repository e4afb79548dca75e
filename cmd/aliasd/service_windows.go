package main

import (
	"errors"
	"os"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows/svc"

	"github.com/aliasd/aliasd/installer"
)

// runUnderManager hands the process to the service control manager. service.Run would first ask whether it is
// interactive, and takes itself for that where its parent is not in session 0.
func runUnderManager(s service.Service) error {
	handler, ok := s.(svc.Handler)
	if !ok {
		return errors.New("run --service: this build cannot run as a Windows service")
	}
	return svc.Run(installer.ServiceName, handler)
}

func exitProcess(code int) { os.Exit(code) }
