package samba_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/lab/samba"
)

// abandon makes this test binary start a domain controller and then wait to be killed.
const abandon = "ALIASD_TEST_ABANDON_DC"

func TestEndsWithAKilledTest(t *testing.T) {
	t.Parallel()
	if err := samba.Missing(); err != nil {
		t.Skip(err)
	}
	if os.Getenv(abandon) != "" {
		waitToBeKilled(t)
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEndsWithAKilledTest$", "-test.v")
	command.Env = append(os.Environ(), abandon+"=1", "TMPDIR="+t.TempDir())
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	server := serverIn(bufio.NewScanner(out))
	if server == "" {
		t.Fatalf("the other test started nothing: %v", command.Wait())
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	awaitSilence(t, server)
}

func waitToBeKilled(t *testing.T) {
	dc, err := samba.Start(t.Context(), samba.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("server:", strings.TrimPrefix(dc.Server, "ldaps://"))
	select {}
}

func serverIn(lines *bufio.Scanner) string {
	for lines.Scan() {
		if server, ok := strings.CutPrefix(lines.Text(), "server: "); ok {
			return server
		}
	}
	return ""
}

// awaitSilence polls a foreign process' port until nothing listens there any more.
func awaitSilence(t *testing.T, server string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", server, time.Second)
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatalf("the domain controller at %s outlived the test that started it", server)
}
