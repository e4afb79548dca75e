package report_test

import (
	"strings"
	"testing"

	"github.com/aliasd/aliasd/report"
)

// What found nothing to write is not told as a write on the page, and says why.
func TestNothingWrittenIsNotToldAsAWrite(t *testing.T) {
	t.Parallel()
	page := string(rendered(t, report.Build(day(), since(), until()).WriteHTML))
	_, row, found := strings.Cut(page, "pchen.alias@contoso.test</strong>")
	row, _, _ = strings.Cut(row, "</tr>")
	if !found || !strings.Contains(row, "nothing to write 3 Mar 11:00") || !strings.Contains(row, "Pat Chen already has") {
		t.Errorf("the row says %s", row)
	}
	if strings.Contains(row, "written 3 Mar") {
		t.Errorf("the row tells a write: %s", row)
	}
	if writes := strings.Count(page, ">written 3 Mar"); writes == 0 {
		t.Error("no other row tells its write")
	}
}
