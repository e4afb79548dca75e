package private

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

func TestDescriptors(t *testing.T) {
	own, err := ownSID()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, sddl, found string
		dir               bool
	}{
		{"ours", "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", "", true},
		{"ours and own", "O:SYD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + own.String() + ")", "", true},
		{"creator owner", "O:BAD:P(A;OICI;FA;;;SY)(A;OICIIO;GA;;;CO)", "", true},
		{"ProgramData lets users read", "O:BAD:(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)", "Users", true},
		{"users may only pass through", "O:BAD:P(A;OICI;FA;;;SY)(A;;0x20;;;BU)", "", true},
		{"everybody", "O:BAD:P(A;;GR;;;WD)", "open to", false},
		{"denied to users", "O:BAD:P(D;;FA;;;BU)(A;;FA;;;SY)", "", false},
		{"inherited by what is made inside", "O:BAD:P(A;OICI;FA;;;SY)(A;OICIIO;GR;;;BU)", "Users", true},
	}
	for _, c := range cases {
		sd, err := windows.SecurityDescriptorFromString(c.sddl)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		err = judge(`C:\ProgramData\aliasd`, c.dir, sd)
		if (err == nil) != (c.found == "") {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.found) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.found)
		}
	}
}

// TestSingleAccounts: an administrator accepts the service's account, whichever it is, but no group.
func TestSingleAccounts(t *testing.T) {
	const service = "S-1-5-80-3139157870-2983391045-3678747466-658725712-1809340420"
	for sid, want := range map[string]bool{service: true, allServices: false, "S-1-1-0": false, "S-1-5-32-545": false, "S-1-5-11": false} {
		parsed, err := windows.StringToSid(sid)
		if err != nil {
			t.Fatal(err)
		}
		if (accounts{}).has(parsed) {
			t.Errorf("%s is trusted by all", sid)
		}
		if got := (accounts{single: true}).has(parsed); got != want {
			t.Errorf("%s: an administrator trusts it: %v", sid, got)
		}
	}
}

// TestNoRulesAtAll: a descriptor without a DACL, or with an empty pointer for one, lets everybody in.
func TestNoRulesAtAll(t *testing.T) {
	admins, err := windows.StringToSid(administrators)
	if err != nil {
		t.Fatal(err)
	}
	for _, present := range []bool{false, true} {
		sd, err := windows.NewSecurityDescriptor()
		if err != nil {
			t.Fatal(err)
		}
		if err := sd.SetOwner(admins, false); err != nil {
			t.Fatal(err)
		}
		if err := sd.SetDACL(nil, present, false); err != nil {
			t.Fatal(err)
		}
		var wider *WiderError
		if err := judge(`C:\x`, false, sd); !errors.As(err, &wider) {
			t.Errorf("DACL present %v: %v", present, err)
		}
	}
}

func TestRulesErrorSaysHowToMend(t *testing.T) {
	own, err := ownSID()
	if err != nil {
		t.Fatal(err)
	}
	var wider *WiderError
	if !errors.As(rulesError(`C:\ProgramData\aliasd`, true, own, []string{"S-1-5-32-545"}), &wider) {
		t.Fatal("no *WiderError")
	}
	for _, want := range []string{`icacls "C:\ProgramData\aliasd" /inheritance:r`, "/grant:r *S-1-5-18:(OI)(CI)F",
		"/grant:r *" + own.String() + ":(OI)(CI)F", "/remove:g *S-1-5-32-545"} {
		if !strings.Contains(wider.Mend, want) {
			t.Errorf("%q lacks %q", wider.Mend, want)
		}
	}
}

func TestMadeFolderIsProtected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aliasd")
	if err := MakePrivateDir(path); err != nil {
		t.Fatal(err)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	control, _, err := sd.Control()
	if err != nil {
		t.Fatal(err)
	}
	if control&windows.SE_DACL_PROTECTED == 0 && os.Getenv("WINEPREFIX") == "" { // Wine does not keep the flag
		t.Errorf("the DACL is not protected: %s", sd)
	}
}
