package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// printStory tells a request from the beginning: what was asked, what was written, what the cloud shows, in 80 columns.
func printStory(w io.Writer, r server.RequestJSON) {
	fmt.Fprintf(w, "%s  %s\n", r.ID, strings.ToUpper(string(r.State)))
	fmt.Fprintf(w, "  %s\n", asked(r))
	for _, line := range [][2]string{{"ticket", r.Ticket}, {"requester", r.Requester}, {"submitted by", r.SubmittedBy}, {"note", r.Note},
		{"superseded by", string(r.SupersededBy)}} {
		if line[1] != "" {
			fmt.Fprintf(w, "  %-14s %s\n", line[0], line[1])
		}
	}
	printCause(w, r.Cause)
	for _, note := range r.Notes {
		fmt.Fprintf(w, "  note: %s\n", note)
	}
	printReceipt(w, r)
	printCloud(w, r)
	printEvents(w, r.Events)
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
	fmt.Fprintf(w, "\n  %s: %s\n", c.Code, c.Message)
	if c.Conflict != nil {
		fmt.Fprintf(w, "    held by %s %s (%s) as %s\n", c.Conflict.Kind, c.Conflict.Name, c.Conflict.ID, c.Conflict.Address)
	}
	for _, candidate := range c.Candidates {
		fmt.Fprintf(w, "    could be %s %s  %s  %s\n", candidate.Kind, candidate.Name, candidate.UPN, candidate.ObjectGUID)
	}
}

func printReceipt(w io.Writer, r server.RequestJSON) {
	if r.Receipt == nil {
		return
	}
	fmt.Fprintf(w, "\n  on-premises    %s, uSNChanged %d, %s\n", r.Receipt.DC, r.Receipt.USNChanged, clockTime(r.WrittenAt))
	printChange(w, r.Receipt.Before, r.Receipt.After)
}

// printChange lists the values before and after: - what went, + what came, the rest as it stayed.
func printChange(w io.Writer, before, after server.ValuesJSON) {
	switch {
	case before.Mail == after.Mail:
		fmt.Fprintf(w, "      mail: %s\n", orNone(after.Mail))
	default:
		fmt.Fprintf(w, "    - mail: %s\n    + mail: %s\n", orNone(before.Mail), orNone(after.Mail))
	}
	for _, p := range before.ProxyAddresses {
		if !slices.Contains(after.ProxyAddresses, p) {
			fmt.Fprintf(w, "    - %s\n", p)
		}
	}
	for _, p := range after.ProxyAddresses {
		mark := "+"
		if slices.Contains(before.ProxyAddresses, p) {
			mark = " "
		}
		fmt.Fprintf(w, "    %s %s\n", mark, p)
	}
}

func printCloud(w io.Writer, r server.RequestJSON) {
	if r.Cloud == nil {
		return
	}
	fmt.Fprintf(w, "\n  cloud          %s, looked at %s\n      mail: %s\n", r.Cloud.ID, clockTime(r.Cloud.CheckedAt), orNone(r.Cloud.Mail))
	for _, p := range r.Cloud.ProxyAddresses {
		fmt.Fprintf(w, "      %s\n", p)
	}
}

func printEvents(w io.Writer, events []server.EventJSON) {
	if len(events) == 0 {
		return
	}
	fmt.Fprintln(w, "\n  story")
	for _, e := range events {
		line := e.What
		if e.To != e.From {
			line = string(e.To)
		}
		if e.Cause != nil {
			line += ": " + string(e.Cause.Code)
		}
		fmt.Fprintf(w, "    %s  %s\n", clockTime(e.At), line)
	}
}

func clockTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// ended says whether nothing more is to be waited for: a mismatched request may still become verified, but not soon.
func ended(s queue.State) bool { return s.Final() || s == queue.Mismatched }
