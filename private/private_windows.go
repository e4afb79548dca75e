package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// harmless are the rights that show neither what stands in a file nor what a folder holds, and change nothing.
const harmless = windows.READ_CONTROL | windows.SYNCHRONIZE | windows.FILE_READ_ATTRIBUTES | windows.FILE_READ_EA |
	windows.FILE_TRAVERSE

// security is what of a security descriptor is looked at.
const security = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION

// CheckPrivate says whether nobody gets at path but SYSTEM, Administrators and the own account. A folder must also
// belong to one of these, since an owner can give himself any right. Where an administrator asks (not SYSTEM), single
// accounts may own it and get at it too, groups may not: one of them is the service's, and which one he cannot see.
// Errors: *WiderError, or one of the operating system where path cannot be looked at.
func CheckPrivate(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, security)
	if err != nil {
		return &fs.PathError{Op: "read the access rules of", Path: path, Err: err}
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return judge(path, info.IsDir(), sd)
}

// makeDir makes the folder with a protected DACL in one step, so that there is no moment in which others get in.
func makeDir(path string) error {
	sa, err := ownersOnly("OICI")
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	if err := windows.CreateDirectory(name, sa); err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// createFile makes or empties the file, with a protected DACL when it makes it.
func createFile(path string) (*os.File, error) {
	sa, err := ownersOnly("")
	if err != nil {
		return nil, err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(name, windows.GENERIC_WRITE, 0, sa, windows.CREATE_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// ownersOnly lets SYSTEM, Administrators and the own account in and nobody else, with the inheritance given in SDDL.
func ownersOnly(inheritance string) (*windows.SecurityAttributes, error) {
	own, err := ownSID()
	if err != nil {
		return nil, err
	}
	rules := "D:P"
	for _, sid := range []string{"SY", "BA", own.String()} {
		rules += "(A;" + inheritance + ";FA;;;" + sid + ")"
	}
	sd, err := windows.SecurityDescriptorFromString(rules)
	if err != nil {
		return nil, err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	return sa, nil
}

func checkOpen(f *os.File) error {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, security)
	if err != nil {
		return &fs.PathError{Op: "read the access rules of", Path: f.Name(), Err: err}
	}
	return judge(f.Name(), false, sd)
}

func judge(path string, dir bool, sd *windows.SECURITY_DESCRIPTOR) error {
	own, err := ownSID()
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return &fs.PathError{Op: "read the owner of", Path: path, Err: err}
	}
	trusted := trust(own)
	if dir && !trusted.has(owner) {
		return ownerError(path, owner)
	}
	offenders, err := strangers(sd, trusted)
	if err != nil {
		return &fs.PathError{Op: "read the access rules of", Path: path, Err: err}
	}
	if len(offenders) > 0 {
		return rulesError(path, dir, own, offenders)
	}
	return nil
}

// accounts are those that may get at a private path.
type accounts struct {
	sids []string // in their S-1-… form
	// single: any account that is no group may, too.
	single bool
}

func (a accounts) has(sid *windows.SID) bool {
	if sid == nil {
		return false
	}
	return slices.Contains(a.sids, sid.String()) || (a.single && isSingle(sid))
}

// isSingle says whether a SID is one user's or one service's.
func isSingle(sid *windows.SID) bool {
	if s := sid.String(); strings.HasPrefix(s, services) {
		return s != allServices
	}
	_, _, use, err := sid.LookupAccount("")
	return err == nil && (use == windows.SidTypeUser || use == windows.SidTypeComputer)
}

// The accounts that are the same on every machine ([MS-DTYP] 2.4.2.4).
const (
	system         = "S-1-5-18"
	administrators = "S-1-5-32-544"
	creatorOwner   = "S-1-3-0" // stands for the owner of what is made inside
	ownerRights    = "S-1-3-4" // stands for the owner, and narrows what he may
	services       = "S-1-5-80-"
	allServices    = "S-1-5-80-0"
)

// trust lists who may get at what the own account keeps private.
func trust(own *windows.SID) accounts {
	trusted := accounts{sids: []string{system, administrators, creatorOwner, ownerRights, own.String()}}
	if own.String() != system {
		trusted.single = isAdministrator()
	}
	return trusted
}

func isAdministrator() bool {
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return false
	}
	member, err := windows.Token(0).IsMember(admins)
	return err == nil && member
}

// strangers lists who else a descriptor lets in. A missing DACL lets everybody in.
func strangers(sd *windows.SECURITY_DESCRIPTOR, trusted accounts) ([]string, error) {
	dacl, _, err := sd.DACL()
	if errors.Is(err, windows.ERROR_OBJECT_NOT_FOUND) || (err == nil && dacl == nil) {
		return []string{"S-1-1-0"}, nil
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(dacl, i, &ace); err != nil {
			return nil, err
		}
		if sid, open := stranger(ace, trusted); open && !slices.Contains(found, sid) {
			found = append(found, sid)
		}
	}
	runtime.KeepAlive(sd)
	return found, nil
}

// stranger says whether one rule lets in somebody who is not trusted. Rules of kinds that have another layout (object
// and conditional rules, which no tool sets on files by itself) count as open to everybody.
func stranger(ace *windows.ACCESS_ALLOWED_ACE, trusted accounts) (sid string, open bool) {
	switch ace.Header.AceType {
	case windows.ACCESS_DENIED_ACE_TYPE:
		return "", false
	case windows.ACCESS_ALLOWED_ACE_TYPE:
		who := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		return who.String(), ace.Mask&^harmless != 0 && !trusted.has(who)
	}
	return "S-1-1-0", true
}

func ownSID() (*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("find the own account: %w", err)
	}
	return user.User.Sid, nil
}

func ownerError(path string, owner *windows.SID) error {
	return &WiderError{
		Path: path, Found: "owner " + name(owner.String()), Want: "SYSTEM, Administrators or the service's account",
		Mend: "takeown /a /f " + quote(path),
	}
}

func rulesError(path string, dir bool, own *windows.SID, offenders []string) error {
	inherit := ":F"
	if dir {
		inherit = ":(OI)(CI)F"
	}
	mend := "icacls " + quote(path) + " /inheritance:r"
	for _, sid := range []string{system, administrators, own.String()} {
		mend += " /grant:r *" + sid + inherit
	}
	names := make([]string, len(offenders))
	for i, sid := range offenders {
		names[i] = name(sid)
		mend += " /remove:g *" + sid
	}
	return &WiderError{
		Path: path, Found: "open to " + strings.Join(names, ", "),
		Want: "SYSTEM, Administrators and the own account only", Mend: mend,
	}
}

// name gives an account as people know it, and its SID where the system has no name for it.
func name(sid string) string {
	parsed, err := windows.StringToSid(sid)
	if err != nil {
		return sid
	}
	account, domain, _, err := parsed.LookupAccount("")
	if err != nil || account == "" {
		return sid
	}
	if domain == "" {
		return account
	}
	return domain + `\` + account
}

// quote makes path one word of cmd and PowerShell; a path holds no quotation marks on Windows.
func quote(path string) string { return `"` + path + `"` }
