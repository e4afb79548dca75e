//go:build !windows

package main

import (
	"os"

	"github.com/kardianos/service"
)

// serviceArguments start the daemon in the foreground: systemd wants nothing else.
func serviceArguments(settings string) []string {
	return []string{"run", "--config", settings}
}

func runUnderManager(s service.Service) error { return s.Run() }

func exitProcess(code int) { os.Exit(code) }
