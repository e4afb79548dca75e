// Command openapi writes the OpenAPI document of the REST API into a file. go generate runs it in package server.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/aliasd/aliasd/server"
)

func main() {
	out := flag.String("o", "openapi.json", "the file to write")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	document, err := server.Document()
	if err != nil {
		return err
	}
	return os.WriteFile(path, document, 0o644)
}
