package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/server"
)

// errorJSON is an error of the command line itself in JSON. What the server answered is printed as its own problem.
type errorJSON struct {
	Code     string        `json:"code"`
	Message  string        `json:"message"`
	Line     int           `json:"line,omitempty"`
	Problems []settingJSON `json:"problems,omitempty"`
}

// settingJSON is one thing that is wrong with a settings file.
type settingJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Key     string `json:"key,omitempty"`
	Problem string `json:"problem"`
	Got     string `json:"got,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

func settingsJSON(problems config.Problems) []settingJSON {
	out := make([]settingJSON, len(problems))
	for i, p := range problems {
		out[i] = settingJSON{File: p.File, Line: p.Line, Key: p.Key, Problem: p.Text, Got: p.Got, Hint: p.Hint}
	}
	return out
}

// tell prints an error on the error stream: for a person, or with --json as one JSON object on a line.
func (a *app) tell(err error) {
	var silent *silentError
	var problems config.Problems
	var problem *client.Problem
	var input *inputError
	known, isCause := cause.As(err)
	switch {
	case errors.As(err, &silent):
	case a.json:
		a.tellJSON(err)
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "aliasd: stopped")
	case errors.As(err, &problems):
		fmt.Fprintln(a.err, err)
	case errors.As(err, &problem):
		say(a.err, "aliasd: ", inFlags(problem))
		printCandidates(a.err, problem.Candidates)
		if hint := allowHint(string(problem.Code)); hint != "" {
			say(a.err, "", hint)
		}
	case errors.As(err, &input):
		fmt.Fprintf(a.err, "aliasd: %v\n", err) // on one line, as compilers say it: scripts cut it
	case isCause && known.Kind != cause.Integrity: // which says of what it is in the error around it
		say(a.err, "aliasd: ", string(known.Cause.Code)+": "+known.Cause.Once())
	default:
		sayLines(a.err, "aliasd: ", err.Error())
	}
}

func (a *app) tellJSON(err error) {
	var problem *client.Problem
	var told any = errorOf(err)
	if errors.As(err, &problem) {
		told = problem
	}
	// Values of our own types always marshal; where nobody reads, the exit code says it.
	_ = jsonLines(a.err).Encode(told)
}

// errorOf gives an error of the command line its code; docs/cli.md lists the codes.
func errorOf(err error) errorJSON {
	var wrong *usageError
	var end *endError
	var problems config.Problems
	var unreachable *url.Error
	var input *inputError
	out := errorJSON{Code: "error", Message: err.Error()}
	known, isCause := cause.As(err)
	switch {
	case errors.As(err, &wrong):
		out.Code, out.Message = "usage", wrong.err.Error()
	case errors.As(err, &problems):
		out.Code, out.Problems = "invalid_settings", settingsJSON(problems)
	case errors.As(err, &input):
		out.Code, out.Line = "invalid_input", input.line
	case errors.As(err, &end) && end.timedOut:
		out.Code = "timed_out"
	case errors.As(err, &end):
		out.Code = string(end.state)
	case errors.Is(err, context.Canceled):
		out.Code, out.Message = "stopped", "stopped"
	case isCause && known.Kind == cause.Integrity:
		out.Code = string(known.Cause.Code)
	case isCause:
		out.Code, out.Message = string(known.Cause.Code), known.Cause.Once()
	case errors.As(err, &unreachable):
		out.Code = "unreachable"
	}
	return out
}

// inFlags gives a problem in the words of the command line: a field of the body is a flag or an argument here.
func inFlags(p *client.Problem) string {
	if len(p.Errors) == 0 {
		return p.Error()
	}
	sentences := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		sentences[i] = flagOf(e) + ": " + e.Message
	}
	return string(p.Code) + ": " + strings.Join(sentences, "; ")
}

// flagOf names the flag or argument that a field comes from; the field itself where there is none.
func flagOf(e server.FieldError) string {
	place, field, _ := strings.Cut(e.Location, ".")
	field, _, _ = strings.Cut(field, "[")
	switch {
	case place == "body" && (field == "holder" || field == "address"):
		return strings.ToUpper(field)
	case (place == "body" || place == "query") && field != "":
		return "--" + field
	case strings.EqualFold(e.Location, "header.Idempotency-Key"), strings.EqualFold(e.Location, "Idempotency-Key"):
		return "--idempotency-key"
	}
	return e.Location
}
