package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// TestOneAddressOnMany: one address that thousands have is told to each of them, and they are read in parts.
func TestOneAddressOnMany(t *testing.T) {
	t.Parallel()
	const many = 2*readAgain + 1
	w := newWorld(many + 3)
	w.page = 400
	for i := range many {
		w.holders[i+1].Proxies = w.holders[i+1].Proxies.With("smtp:all@contoso.com")
		w.objects[i+1] = w.synced(w.holders[i+1])
	}
	s := w.audit(t)
	others := map[string]int{}
	for _, it := range w.items {
		if it.Code != cause.DuplicateOnPremises || it.Value != "all@contoso.com" || it.Conflict.Name == it.Name || it.Cloud == nil {
			t.Fatalf("%+v", it)
		}
		others[it.Conflict.Name]++
	}
	if len(w.items) != many || len(others) != many || s.Wrong != many || w.largest > readAgain {
		t.Errorf("%d findings that name %d, %d wrong; %d were read at once", len(w.items), len(others), s.Wrong, w.largest)
	}
}

// TestDeletedHolding keeps of deleted objects what names them, by each address that they hold.
func TestDeletedHolding(t *testing.T) {
	t.Parallel()
	w := newWorld(6)
	for i := range w.holders {
		w.quarantine(i, address.Address(fmt.Sprintf("gone%d@contoso.com", i)))
	}
	w.page = 2
	w.deleted = []cloudcheck.Object{
		{ID: "0", Kind: address.User, Name: "By proxy", Deleted: true, Values: address.Values{Mail: "GONE0@contoso.com", Proxies: address.Set{"smtp:Gone0@contoso.com"}}},
		{ID: "1", Kind: address.Group, Deleted: true, Values: address.Values{Mail: "gone1@contoso.com"}},
		{ID: "2", Kind: address.User, UPN: "gone2@contoso.com", Deleted: true},
		{ID: "3", Kind: address.User, Name: "Other", UPN: "other@contoso.com", Deleted: true},
	}
	w.audit(t)
	var got []string
	for _, it := range w.items {
		if c := it.Conflict; c != nil && it.Code == cause.HeldByDeleted {
			got = append(got, strings.Join([]string{it.Name, c.Kind, c.ID, c.Name, c.Address}, " "))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"User 0 deleted_user 0 By proxy smtp:Gone0@contoso.com", "User 1 deleted_group 1 gone1@contoso.com gone1@contoso.com",
		"User 2 deleted_user 2 gone2@contoso.com gone2@contoso.com"}, got); diff != "" {
		t.Error(diff)
	}
}
