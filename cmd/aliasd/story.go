package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/server"
)

// printStory tells a request from the beginning: what was asked, what was written, what the cloud shows, in 80 columns.
func printStory(w io.Writer, r server.RequestJSON) {
	fmt.Fprintf(w, "%s  %s\n", r.ID, strings.ToUpper(string(r.State)))
	say(w, "  ", asked(r))
	for _, line := range [][2]string{{"ticket", r.Ticket}, {"requester", r.Requester}, {"submitted by", r.SubmittedBy}, {"note", r.Note},
		{"released by", r.ReleasedBy},
		{"superseded by", string(r.SupersededBy)}} {
		if line[1] != "" {
			sayf(w, "  %-14s %s", line[0], line[1])
		}
	}
	printCause(w, r.Cause)
	for _, note := range r.Notes {
		say(w, "  ", "note: "+note)
	}
	printReceipt(w, r)
	printCloud(w, r)
	printEvents(w, r)
}

// asked says in words what a request asks for.
func asked(r server.RequestJSON) string {
	switch r.Action {
	case address.AddAlias:
		return fmt.Sprintf("add %s to %s", r.Address, r.Holder)
	case address.RemoveAlias:
		return fmt.Sprintf("remove %s from %s", r.Address, r.Holder)
	case address.SetPrimary:
		return fmt.Sprintf("make %s the primary of %s", r.Address, r.Holder)
	}
	return fmt.Sprintf("undo %s of %s", r.Undoes, r.Holder)
}

func printCause(w io.Writer, c *cause.Cause) {
	if c == nil {
		return
	}
	fmt.Fprintln(w)
	say(w, "  ", fmt.Sprintf("%s: %s", c.Code, c.Message))
	if hint := allowHint(string(c.Code)); hint != "" {
		say(w, "    ", hint)
	}
	if c.Conflict != nil {
		say(w, "    ", fmt.Sprintf("held by %s %s (%s) as %s", c.Conflict.Kind, c.Conflict.Name, c.Conflict.ID, c.Conflict.Address))
	}
	printCandidates(w, c.Candidates)
}

func printCandidates(w io.Writer, list []cause.Candidate) {
	for _, c := range list {
		say(w, "    ", fmt.Sprintf("could be %s %s  %s  %s", c.Kind, c.Name, c.UPN, c.ObjectGUID))
	}
}

func printReceipt(w io.Writer, r server.RequestJSON) {
	if r.Receipt == nil {
		return
	}
	fmt.Fprintln(w)
	if r.Receipt.NothingWritten {
		say(w, "  ", "nothing had to be written:")
	}
	sayf(w, "  on-premises    %s, uSNChanged %d, %s", r.Receipt.DC, r.Receipt.USNChanged, clockTime(r.WrittenAt))
	printChange(w, r.Receipt.Before, r.Receipt.After)
}

// printChange lists the values before and after: - what went, + what came, the rest as it stayed.
func printChange(w io.Writer, before, after server.ValuesJSON) {
	switch {
	case before.Mail == after.Mail:
		sayf(w, "      mail: %s", orNone(after.Mail))
	default:
		sayf(w, "    - mail: %s", orNone(before.Mail))
		sayf(w, "    + mail: %s", orNone(after.Mail))
	}
	for _, p := range before.ProxyAddresses {
		if !slices.Contains(after.ProxyAddresses, p) {
			sayf(w, "    - %s", p)
		}
	}
	for _, p := range after.ProxyAddresses {
		mark := "+"
		if slices.Contains(before.ProxyAddresses, p) {
			mark = " "
		}
		sayf(w, "    %s %s", mark, p)
	}
}

func printCloud(w io.Writer, r server.RequestJSON) {
	if r.Cloud == nil {
		return
	}
	fmt.Fprintln(w)
	sayf(w, "  cloud          %s, looked at %s", r.Cloud.ID, clockTime(r.Cloud.CheckedAt))
	sayf(w, "      mail: %s", orNone(r.Cloud.Mail))
	for _, p := range r.Cloud.ProxyAddresses {
		sayf(w, "      %s", p)
	}
}

func printEvents(w io.Writer, r server.RequestJSON) {
	if len(r.Events) == 0 {
		return
	}
	fmt.Fprintln(w, "\n  story")
	if r.EventsCursor != 0 {
		say(w, "    ", fmt.Sprintf("earlier events are left out: aliasd show %s --all-events", r.ID))
	}
	for _, e := range r.Events {
		line := happened(e)
		if e.By != "" {
			line += ", by " + e.By
		}
		if e.Cause != nil {
			line += ": " + string(e.Cause.Code)
		}
		sayf(w, "    %s  %s", clockTime(e.At), line)
	}
}

// happened says in words what an event records. A step that is not known is called as it is.
func happened(e server.EventJSON) string {
	words := map[string]string{
		"accepted": "accepted: the request is stored", "resolved": "queued: the holder is found", "claimed": "writing: a node works on it",
		"taken over": "writing: another node took it over", "given back": "queued again: the node was stopped",
		"paused": "waits: writing is stopped", "intent": "about to write (intent stored)", "written": "written on-premises",
		"nothing to write": "nothing had to be written; it waits for the cloud",
		"in doubt":         "may have been written; it is looked at again", "retry": "tried again later", "woken": "asked to look again",
		"cloud away": "the cloud could not be asked", "undone": "taken back by a later request",
		"superseded": "superseded by a later request", "cancelled": "cancelled", "released": "released: it waits for its turn",
		"held": "held: an administrator has to look at it", "paced": "waits: writes are spread",
		"dry run": "planned in a dry run: nothing was written", "dry run over": "the dry run is over: it waits for its turn",
		"refused": "refused: nothing was written", "failed": "failed", "verdict": "looked at in the cloud",
	}
	known, ok := words[e.What]
	switch {
	case e.What == "verdict" && e.To != e.From:
		return string(e.To) + ": the cloud was looked at"
	case ok:
		return known
	case e.To != e.From:
		return string(e.To)
	}
	return e.What
}

// clockTime is a time on this machine's clock, with its distance from UTC: stories are read across zones.
func clockTime(t time.Time) string { return t.Local().Format(clockLayout) }

const clockLayout = "2006-01-02 15:04:05-07:00"

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
