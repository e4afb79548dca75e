package tenantfile

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

func drawTime(t *rapid.T) time.Time {
	return rapid.SampledFrom([]time.Time{{}, time.UnixMicro(1).UTC(), time.Date(2026, 11, 21, 8, 0, 0, 5000, time.UTC), time.UnixMicro(-5e12).UTC()}).Draw(t, "time")
}

func drawObject(t *rapid.T) cloudcheck.Object {
	text := func(name string) string { return rapid.String().Draw(t, name) }
	o := cloudcheck.Object{ID: text("id"), Kind: address.Kind(text("kind")), Name: text("name"), UPN: text("upn"), OnPremUPN: text("AD upn"), Nickname: text("nickname"),
		ImmutableID: text("anchor"), SID: text("SID"), LastSync: drawTime(t), ExchangeLicensed: rapid.Bool().Draw(t, "licensed")}
	o.Mail = text("mail")
	if rapid.Bool().Draw(t, "sync known") {
		synced := rapid.Bool().Draw(t, "synced")
		o.SyncEnabled = &synced
	}
	for range rapid.IntRange(0, 3).Draw(t, "addresses") {
		o.Proxies = append(o.Proxies, address.Proxy(text("address")))
	}
	for range rapid.IntRange(0, 2).Draw(t, "errors") {
		o.Errors = append(o.Errors, cloudcheck.ProvisioningError{Category: text("category"), Property: text("property"), Value: text("value"), Occurred: drawTime(t)})
	}
	return o
}

// TestDecodeReadsWhatEncodeWrote, and nothing that is cut or has more behind it.
func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		want := drawObject(rt)
		body := encode(nil, &want)
		got, err := decode(body)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			rt.Fatal(err, diff)
		}
		if o, err := decode(body[:rapid.IntRange(0, len(body)-1).Draw(rt, "cut")]); err == nil {
			rt.Errorf("it was cut, and gives %+v", o)
		}
		if o, err := decode(append(body, 0)); err == nil {
			rt.Errorf("there is more, and it gives %+v", o)
		}
	})
}

// FuzzDecode: whatever stands in the file is an object or an error, and what is decoded is what would be written.
func FuzzDecode(f *testing.F) {
	o := quarantined(user(1, "ann@contoso.com", "a@contoso.com"))
	f.Add(encode(nil, &o))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := decode(body)
		if err != nil {
			return
		}
		again, err := decode(encode(nil, &o))
		if diff := cmp.Diff(o, again); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}
