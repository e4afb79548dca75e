package queue_test

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

func TestNewRequestID(t *testing.T) {
	t.Parallel()
	uuid7 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`) // RFC 9562, 5.7
	at := time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.UTC)
	var ids []queue.RequestID
	for range 1000 {
		id := queue.NewRequestID(at)
		if !uuid7.MatchString(string(id)) {
			t.Fatalf("%s is no UUID of version 7", id)
		}
		millis, err := strconv.ParseInt(string(id[:8]+id[9:13]), 16, 64)
		if err != nil || millis != at.UnixMilli() {
			t.Fatalf("%s tells the time %v: %v", id, time.UnixMilli(millis), err)
		}
		ids = append(ids, id)
		at = at.Add(time.Microsecond)
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by their time")
	}
	same := map[queue.RequestID]bool{}
	for range 1000 {
		same[queue.NewRequestID(at)] = true
	}
	if len(same) != 1000 {
		t.Error("two ids of one moment are the same")
	}
}

// Whatever is added to a submission has to count.
func TestDigestCountsEveryField(t *testing.T) {
	t.Parallel()
	bare := queue.Submission{}.Digest()
	kind := reflect.TypeFor[queue.Submission]()
	for i := range kind.NumField() {
		var s queue.Submission
		field := reflect.ValueOf(&s).Elem().Field(i)
		if field.Kind() == reflect.String {
			field.SetString("x")
		} else {
			field.Set(reflect.ValueOf([]address.Allowance{"x"}))
		}
		if counts := kind.Field(i).Name != "SubmittedBy"; (s.Digest() != bare) != counts {
			t.Errorf("%s counts: %v, want %v", kind.Field(i).Name, !counts, counts)
		}
	}
	one := queue.Submission{Holder: `a" "b`, Allow: []address.Allowance{"x", "y"}}
	two := queue.Submission{Holder: "a", Action: `b"`, Allow: []address.Allowance{"x y"}}
	if one.Digest() == two.Digest() {
		t.Error("quotes make two submissions one")
	}
}

func TestInstant(t *testing.T) {
	t.Parallel()
	got := queue.Instant(time.Date(2026, 3, 2, 9, 0, 0, 123456999, time.FixedZone("CET", 3600)))
	if want := time.Date(2026, 3, 2, 8, 0, 0, 123456000, time.UTC); got != want {
		t.Errorf("got %v", got)
	}
	if !queue.Instant(time.Time{}).IsZero() {
		t.Error("no time became one")
	}
}
