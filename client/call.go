package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxAnswer is how much of an answer is read, in bytes: a page of 500 requests is far below it.
const maxAnswer = 64 << 20

// call is one call that changes something.
type call struct {
	path string
	body any // nil: none
	key  string
}

// send makes a call that changes something.
func send[T any](ctx context.Context, c *Client, what call) (T, error) {
	var body []byte
	if what.body != nil {
		text, err := json.Marshal(what.body)
		if err != nil {
			var none T
			return none, fmt.Errorf("write the body: %w", err)
		}
		body = text
	}
	return exchange[T](ctx, c, message{method: http.MethodPost, path: what.path, body: body, key: what.key})
}

// fetch makes a call that only reads.
func fetch[T any](ctx context.Context, c *Client, path string) (T, error) {
	return exchange[T](ctx, c, message{method: http.MethodGet, path: path})
}

// message is one call as it goes over the wire; a nil body is none.
type message struct {
	method, path string
	body         []byte
	key          string
}

// exchange makes a call, and makes it again where the server had too many: nothing was done then. It waits as long as the
// server says, unless ctx or the client's patience ends before.
func exchange[T any](ctx context.Context, c *Client, m message) (T, error) {
	for patience := c.patience; ; {
		into, err := once[T](ctx, c, m)
		why, pause := comeBack(err)
		if deadline, bounded := ctx.Deadline(); why == nil || pause > patience || bounded && time.Until(deadline) <= pause {
			return into, err
		}
		patience -= pause
		if c.waiting != nil {
			c.waiting(why, pause)
		}
		if c.pace.sleep(ctx, pause) != nil {
			return into, err
		}
	}
}

// comeBack says why and after which pause to make a call again, where that is what the answer asks for; nil where not.
func comeBack(err error) (why *Problem, pause time.Duration) {
	var problem *tooManyError
	if !errors.As(err, &problem) {
		return nil, 0
	}
	return problem.Problem, problem.pause
}

// tooManyError is a problem that says when to come back.
type tooManyError struct {
	*Problem
	pause time.Duration
}

func (e *tooManyError) Unwrap() error { return e.Problem }

// once makes a call.
func once[T any](ctx context.Context, c *Client, m message) (T, error) {
	var into T
	var body io.Reader
	if m.body != nil {
		body = bytes.NewReader(m.body)
	}
	r, err := http.NewRequestWithContext(ctx, m.method, c.base.Scheme+"://"+c.base.Host+m.path, body)
	if err != nil {
		return into, fmt.Errorf("call %s: %w", c.base.Host, err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	r.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if m.key != "" {
		r.Header.Set("Idempotency-Key", m.key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return into, fmt.Errorf("call aliasd at %s: %w", c.base.Host, err)
	}
	defer answer.Body.Close()
	return into, read(answer, &into)
}

// read decodes an answer, or the problem that it is.
func read(answer *http.Response, into any) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if answer.StatusCode/100 == 2 && kind == "application/json" {
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		return nil
	}
	var problem Problem
	if kind == "application/problem+json" && json.Unmarshal(text, &problem) == nil && problem.Status == answer.StatusCode {
		if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 && problem.Status == http.StatusTooManyRequests {
			return &tooManyError{Problem: &problem, pause: time.Duration(min(seconds, 3600)) * time.Second}
		}
		return &problem
	}
	return &strangeError{status: answer.StatusCode, kind: kind}
}

// strangeError is an answer that no aliasd gives: a proxy's, or another program's at that address.
type strangeError struct {
	status int
	kind   string
}

func (e *strangeError) Error() string {
	return fmt.Sprintf("the answer (%d %s, %q) is not aliasd's; is the URL right, or is a proxy in between?", e.status, http.StatusText(e.status), e.kind)
}

// Passing says whether the same call may well succeed later, by its error: nobody answered, or the server was not able to.
func Passing(err error) bool {
	var problem *Problem
	var strange *strangeError
	switch {
	case errors.As(err, &problem):
		return problem.Status >= http.StatusInternalServerError || problem.Status == http.StatusTooManyRequests
	case errors.As(err, &strange):
		return strange.status >= http.StatusInternalServerError || strange.status == http.StatusTooManyRequests
	}
	var unanswered *url.Error
	return errors.As(err, &unanswered) || errors.Is(err, io.ErrUnexpectedEOF)
}
