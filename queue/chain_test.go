package queue_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/queue"
)

func anEvent() queue.Event {
	return queue.Event{ID: 7, RequestID: "r1", At: time.Date(2026, 3, 2, 9, 0, 0, 123456789, time.FixedZone("CET", 3600)), From: queue.Writing, To: queue.Queued,
		Cause: &cause.Cause{Code: cause.DCUnavailable, Message: "dc1 <ü> is away"}, Node: "node1", What: "retry", Detail: []byte(`{"tries": 2}`)}
}

// The canonical form is a contract with everybody who verifies an exported log: it stands here to the letter.
func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	sealed, canonical, err := anEvent().Sealed("abc")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":7,"request_id":"r1","at":"2026-03-02T08:00:00.123456Z","from":"writing","to":"queued",` +
		`"cause":{"code":"dc_unavailable","message":"dc1 \u003cü\u003e is away"},"node":"node1","what":"retry","detail":{"tries":2}}`
	if string(canonical) != want {
		t.Errorf("got  %s\nwant %s", canonical, want)
	}
	// printf %s 'abc{"id":7,…}' | sha256sum
	const hash = "22b12b5a246de576fac7a66bc3364bcbdc340f96e7f46509236d384931ce8b00"
	if sealed.PrevHash != "abc" || sealed.Hash != hash {
		t.Errorf("hash %s behind %s", sealed.Hash, sealed.PrevHash)
	}
	_, bare, err := queue.Event{ID: 1, To: queue.Accepted}.Sealed("")
	if err != nil || !bytes.Contains(bare, []byte(`"cause":null,"node":"","what":"","detail":null}`)) {
		t.Errorf("an event without anything is %s: %v", bare, err)
	}
	_, keeping, err := queue.Event{ID: 1, Kept: queue.Kept{Row: "a", Key: "b", KeyOf: "r0", Spent: queue.Gone}}.Sealed("")
	if err != nil || !bytes.HasSuffix(keeping, []byte(`"detail":null,"kept":{"row":"a","key":"b","key_of":"r0","spent":"gone"}}`)) {
		t.Errorf("an event with what is kept is %s: %v", keeping, err)
	}
}

func TestSealedRefusesWhatIsNoJSON(t *testing.T) {
	t.Parallel()
	e := anEvent()
	e.Detail = []byte(`{"tries":`)
	if _, _, err := e.Sealed(""); err == nil {
		t.Error("half a detail was sealed")
	}
}

// Whatever a log holds: what is read from it is sealed to the same bytes again, and every member counts for the hash.
func TestSealedAndParsed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		e := queue.Event{ID: rapid.Int64().Draw(r, "id"), RequestID: queue.RequestID(rapid.String().Draw(r, "request")),
			At:   time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(r, "at")),
			From: queue.State(rapid.String().Draw(r, "from")), To: queue.State(rapid.String().Draw(r, "to")),
			Node: rapid.String().Draw(r, "node"), What: rapid.String().Draw(r, "what"),
			Kept: queue.Kept{Row: rapid.String().Draw(r, "row"), Spent: rapid.String().Draw(r, "spent")}}
		if rapid.Bool().Draw(r, "detailed") {
			e.Detail, _ = json.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(r, "detail"))
		}
		prev := rapid.String().Draw(r, "prev")
		sealed, canonical, err := e.Sealed(prev)
		if err != nil {
			r.Fatal(err)
		}
		parsed, err := queue.ParseEvent(canonical, prev, sealed.Hash)
		if err != nil {
			r.Fatal(err)
		}
		again, same, err := parsed.Sealed(prev)
		if err != nil || !bytes.Equal(same, canonical) || again.Hash != sealed.Hash || !reflect.DeepEqual(again, parsed) {
			r.Fatalf("read again it is %s: %v", same, err)
		}
		parsed.What += "x"
		if other, _, _ := parsed.Sealed(prev); other.Hash == sealed.Hash {
			r.Fatal("another event has the same hash")
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	_, canonical, err := anEvent().Sealed("")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{canonical, []byte(`{}`), []byte(`{"detail":null,"cause":{}}`), []byte(`[`), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, entry []byte) {
		e, err := queue.ParseEvent(entry, "", "")
		if err != nil {
			return
		}
		_, canonical, err := e.Sealed("")
		if err != nil {
			t.Skip() // a year past 9999, say
		}
		again, err := queue.ParseEvent(canonical, "", "")
		if err != nil {
			t.Fatalf("%q was read and is not any more as %q: %v", entry, canonical, err)
		}
		if _, twice, _ := again.Sealed(""); !bytes.Equal(twice, canonical) {
			t.Fatalf("%s became %s", canonical, twice)
		}
	})
}
