package queue

import "context"

// eachPage is how many requests Each reads at a time.
const eachPage = 500

// Each calls do for every request that a filter selects, newest first, whatever the filter's Limit and Cursor say. It reads a page
// at a time, so that do may change what it is given; it ends with the first error, the store's or do's.
func Each(ctx context.Context, from Intake, f Filter, do func(Request) error) error {
	f.Limit, f.Cursor = eachPage, ""
	for {
		page, next, err := from.List(ctx, f)
		if err != nil {
			return err
		}
		for _, q := range page {
			if err := do(q); err != nil {
				return err
			}
		}
		if f.Cursor = next; next == "" {
			return nil
		}
	}
}
