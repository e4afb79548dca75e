package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// WriteJSON writes the report as one JSON object, indented. Times are RFC 3339 in UTC.
func (r Report) WriteJSON(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(r.utc()); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// utc is the report with its times in UTC.
func (r Report) utc() Report {
	r.Since, r.Until = r.Since.UTC(), r.Until.UTC()
	items := make([]Item, len(r.Requests))
	for i, it := range r.Requests {
		for _, at := range []*time.Time{&it.CreatedAt, &it.UpdatedAt, &it.WrittenAt, &it.VerifiedAt} {
			if !at.IsZero() {
				*at = at.UTC()
			}
		}
		items[i] = it
	}
	r.Requests = items
	return r
}
