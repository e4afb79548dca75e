package address

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// sample is laid out by MS-DTYP 2.3.4.3: the first three groups are little-endian.
func sample() (GUID, string, string) {
	raw := GUID{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	return raw, "00112233-4455-6677-8899-aabbccddeeff", "MyIRAFVEd2aImaq7zN3u/w=="
}

func TestGUIDForms(t *testing.T) {
	t.Parallel()
	guid, text, anchor := sample()
	if got := guid.String(); got != text {
		t.Errorf("String = %q, want %q", got, text)
	}
	if got := guid.Anchor(); got != anchor {
		t.Errorf("Anchor = %q, want %q", got, anchor)
	}
	for _, s := range []string{text, strings.ToUpper(text), "{" + text + "}"} {
		if got, err := ParseGUID(s); err != nil || got != guid {
			t.Errorf("ParseGUID(%q) = %v, %v", s, got, err)
		}
	}
	if got, err := GUIDFromBytes(guid[:]); err != nil || got != guid {
		t.Errorf("GUIDFromBytes = %v, %v", got, err)
	}
	if guid.IsZero() || !(GUID{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestGUIDRefuses(t *testing.T) {
	t.Parallel()
	_, text, _ := sample()
	for _, s := range []string{"", "00112233", text + "0", text[1:], "{" + text, text + "}", "{{" + text + "}}",
		strings.ReplaceAll(text, "-", ""), "g" + text[1:], "0011223-34455-6677-8899-aabbccddeeff", " " + text} {
		if got, err := ParseGUID(s); err == nil {
			t.Errorf("ParseGUID(%q) = %v, want an error", s, got)
		}
	}
	for _, n := range []int{0, 15, 17} {
		if _, err := GUIDFromBytes(make([]byte, n)); err == nil {
			t.Errorf("GUIDFromBytes takes %d bytes", n)
		}
	}
}

func TestGUIDAsJSON(t *testing.T) {
	t.Parallel()
	guid, text, _ := sample()
	type object struct {
		ID GUID          `json:"id"`
		By map[GUID]bool `json:"by"`
	}
	raw, err := json.Marshal(object{guid, map[GUID]bool{guid: true}})
	if err != nil || string(raw) != `{"id":"`+text+`","by":{"`+text+`":true}}` {
		t.Fatalf("Marshal = %s, %v", raw, err)
	}
	var back object
	if err := json.Unmarshal(raw, &back); err != nil || back.ID != guid || !back.By[guid] {
		t.Errorf("Unmarshal = %+v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"id":"x"}`), &back); err == nil || back.ID != guid {
		t.Errorf("Unmarshal of no GUID gives %v and %v", back.ID, err)
	}
}

func FuzzGUID(f *testing.F) {
	guid, text, anchor := sample()
	f.Add(guid[:], text)
	f.Add([]byte{}, "{"+text+"}")
	f.Add([]byte("0123456789abcdef"), anchor)
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if g, err := GUIDFromBytes(raw); err == nil {
			checkGUID(t, g)
		}
		if g, err := ParseGUID(text); err == nil {
			checkGUID(t, g)
			if !strings.EqualFold(strings.Trim(text, "{}"), g.String()) {
				t.Fatalf("ParseGUID(%q) = %s", text, g)
			}
		}
	})
}

func checkGUID(t *testing.T, g GUID) {
	t.Helper()
	if back, err := ParseGUID(g.String()); err != nil || back != g {
		t.Fatalf("%v does not come back from its text: %v, %v", g, back, err)
	}
	if raw, err := base64.StdEncoding.DecodeString(g.Anchor()); err != nil || GUID(raw) != g {
		t.Fatalf("%v does not come back from its anchor: %x, %v", g, raw, err)
	}
	if s := g.String(); len(s) != 36 || s != strings.ToLower(s) {
		t.Fatalf("text form %q", s)
	}
}
