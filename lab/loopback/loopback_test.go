package loopback

import (
	"net"
	"runtime"
	"testing"
)

// A server that is down finds its port free again, although others took every kind of port meanwhile.
func TestAnAddressStaysFree(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "darwin" {
		t.Skip("SKIPPED: this system has one loopback address")
	}
	address, err := Address()
	if err != nil {
		t.Fatal(err)
	}
	own, port, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(own).IsLoopback() || own == "127.0.0.1" {
		t.Fatalf("%s is no loopback address of its own: %v", address, err)
	}
	other, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err == nil { // somebody else may have that port already, which shows the same
		defer other.Close()
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if from := connection.LocalAddr().(*net.TCPAddr).IP.String(); from == own {
		t.Errorf("a connection leaves from %s, so that it may take a server's port", from)
	}
}
