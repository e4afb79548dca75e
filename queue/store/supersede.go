package store

import (
	"database/sql"
	"slices"

	"github.com/aliasd/aliasd/queue"
)

// supersede ends the earlier requests whose addresses by has changed, and marks the one that by took back.
func (t *txn) supersede(by queue.Request, made queue.Transition) error {
	if len(made.Supersedes) == 0 && made.UndoneID == "" {
		return nil
	}
	fromWritten, err := t.supersedeFrom(queue.Written, by, made)
	if err != nil {
		return err
	}
	fromMismatched, err := t.supersedeFrom(queue.Mismatched, by, made)
	if err != nil {
		return err
	}
	undone, err := t.markUndone(by, made)
	if err != nil {
		return err
	}
	steps := slices.Concat(fromWritten, fromMismatched, undone)
	slices.SortFunc(steps, func(a, b step) int { return int(a.seq - b.seq) })
	return t.logSteps(steps, by, made)
}

// step is what became of another request on account of a transition.
type step struct {
	seq      int64
	id       queue.RequestID
	from, to queue.State
}

func (t *txn) supersedeFrom(from queue.State, by queue.Request, made queue.Transition) ([]step, error) {
	keys, err := asList(made.Supersedes)
	if err != nil {
		return nil, err
	}
	return t.steps(from,
		`UPDATE requests SET state = 'superseded', superseded_by = @by, cause = NULL, updated_at = @now
		WHERE state = @from AND (id = @undone OR (object = @object AND seq < @seq AND (
			address_key IN (SELECT value FROM json_each(@keys))
			OR EXISTS (SELECT 1 FROM json_each(requests.touched) AS own WHERE own.value IN (SELECT value FROM json_each(@keys))))))
		RETURNING seq, id, state`,
		sql.Named("by", by.ID), sql.Named("now", micros(made.Now)), sql.Named("from", from), sql.Named("undone", made.UndoneID),
		sql.Named("object", by.Object.String()), sql.Named("seq", by.Seq), sql.Named("keys", keys))
}

// markUndone marks a request that was taken back but was final already.
func (t *txn) markUndone(by queue.Request, made queue.Transition) ([]step, error) {
	return t.steps("",
		`UPDATE requests SET superseded_by = @by, updated_at = @now WHERE id = @undone AND superseded_by <> @by RETURNING seq, id, state`,
		sql.Named("by", by.ID), sql.Named("now", micros(made.Now)), sql.Named("undone", made.UndoneID))
}

// steps reads what a statement changed; from "" says that it leaves the state as it is.
func (t *txn) steps(from queue.State, query string, args ...any) ([]step, error) {
	var made []step
	err := t.rows(query, args, func(row *sql.Rows) error {
		s := step{from: from}
		err := row.Scan(&s.seq, &s.id, &s.to)
		if from == "" {
			s.from = s.to
		}
		made = append(made, s)
		return err
	})
	return made, err
}

func (t *txn) logSteps(steps []step, by queue.Request, made queue.Transition) error {
	for _, s := range steps {
		event := queue.Transition{ID: s.id, From: s.from, To: s.to, Owner: made.Owner, Now: made.Now, What: "undone",
			Detail: map[string]string{"by": string(by.ID)}}
		if s.from != s.to {
			event.What = "superseded"
			if err := t.unclaim(s.seq); err != nil {
				return err
			}
		}
		if err := t.log(event); err != nil {
			return err
		}
	}
	return nil
}

// unclaim drops the claims of a request that became final.
func (t *txn) unclaim(seq int64) error {
	_, err := t.exec(`DELETE FROM claims WHERE seq = ?`, seq)
	return err
}
