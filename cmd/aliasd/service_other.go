//go:build !windows

package main

import (
	"os"

	"github.com/kardianos/service"
)

// runUnderManager runs the daemon as the service manager asks for it.
func runUnderManager(s service.Service) error { return s.Run() }

func exitProcess(code int) { os.Exit(code) }
