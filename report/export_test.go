package report

// SaveAs writes the report under names of the test's choice.
func (r Report) SaveAs(files Files) error { return r.saveAs(files) }
