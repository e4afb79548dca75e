package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// A request that finds nothing to do is verified without a write, and no text of the command line tells one.
func TestNothingToWriteOnTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newStack(t, lab.Embedded, tenant.Options{})
	s.syncAlways(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"remove", "jdoe", "nothere@contoso.test"}, "nothing had to be written: Jane Doe has no alias nothere@contoso.test on-premises"},
		{[]string{"add", "carla", "press@contoso.test"}, "nothing had to be written: Carla Ruiz already has smtp:press@contoso.test on-premises"},
	} {
		waited := s.cli(t, append(test.args, "--wait")...)
		waited.want(t, exitDone, "VERIFIED")
		id, _, _ := strings.Cut(waited.out, " ")
		for what, text := range map[string]string{"progress": waited.err, "end": waited.out, "show": s.cli(t, "show", id).out} {
			text = strings.Join(strings.Fields(text), " ")
			if what != "progress" {
				contains(t, text, test.want)
			}
			for _, claim := range []string{"is written", "was written", "written on-premises on", "written on-premises at", "the write"} {
				if strings.Contains(text, claim) {
					t.Errorf("%s says %q: %s", what, claim, text)
				}
			}
		}
		var r server.RequestJSON
		if err := json.Unmarshal([]byte(s.cli(t, "show", id, "--json").out), &r); err != nil {
			t.Fatal(err)
		}
		if r.Receipt == nil || !r.Receipt.NothingWritten || len(r.Notes) != 1 || r.Notes[0] != test.want {
			t.Errorf("the JSON says %+v, %q", r.Receipt, r.Notes)
		}
	}
}

// The demo's story tells it too.
func TestNothingToWriteInTheDemo(t *testing.T) {
	t.Parallel()
	values := server.ValuesJSON{Mail: "a@contoso.test", ProxyAddresses: []address.Proxy{"SMTP:a@contoso.test"}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := server.RequestJSON{State: queue.Verified, Action: address.RemoveAlias, Holder: "a", Address: "b@contoso.test", WrittenAt: at,
		Receipt: &server.ReceiptJSON{Before: values, After: values, NothingWritten: true}, Cloud: &server.CloudJSON{ValuesJSON: values, CheckedAt: at}}
	var out bytes.Buffer
	newScreen(&out, false).show(play{title: "t", state: queue.Verified}, r, time.Second, true, nil)
	contains(t, out.String(), "nothing had to be written")
	if strings.Contains(out.String(), "the write") {
		t.Errorf("it tells a write: %s", out.String())
	}
}
