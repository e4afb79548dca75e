package store

import (
	"database/sql"
	"errors"
	"slices"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/queue"
)

// supersede ends the earlier requests whose addresses by has changed, oldest first, and the one that by took back. They
// are looked up, matched here, and changed each by a statement of its own. They are locked meanwhile: a verdict of another node comes
// before or after, and never makes the receipt of by look stale.
func (t *txn) supersede(by queue.Request, made queue.Transition) error {
	if len(made.Supersedes) == 0 && made.UndoneID == "" {
		return nil
	}
	candidates, err := t.candidates(by, made.UndoneID)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if c.id != made.UndoneID && !c.concerns(made.Supersedes) {
			continue
		}
		if err := t.supersedeOne(c, by, made); err != nil {
			return err
		}
	}
	return nil
}

// candidate is a request that a later one of the same holder may supersede.
type candidate struct {
	seq     int64
	id      queue.RequestID
	state   queue.State
	address address.Key
	touched []address.Key
}

// concerns says whether a candidate asked for one of the addresses, or wrote one.
func (c candidate) concerns(keys []address.Key) bool {
	return slices.ContainsFunc(keys, func(key address.Key) bool {
		return c.address != "" && c.address == key || slices.Contains(c.touched, key)
	})
}

func (t *txn) candidates(by queue.Request, undone queue.RequestID) ([]candidate, error) {
	var all []candidate
	err := t.rows(`SELECT seq, id, state, address_key, touched FROM requests
		WHERE (object = ? AND object <> '' AND seq < ? AND state IN ('written', 'mismatched')) OR id = ? ORDER BY seq FOR UPDATE`,
		[]any{by.Object.String(), by.Seq, undone}, func(row *sql.Rows) error {
			var c candidate
			err := row.Scan(&c.seq, &c.id, &c.state, &c.address, list[address.Key]{&c.touched})
			all = append(all, c)
			return err
		})
	return all, err
}

// supersedeOne ends a request, or only notes who took it back where it has ended already.
func (t *txn) supersedeOne(c candidate, by queue.Request, made queue.Transition) error {
	event := queue.Transition{ID: c.id, From: c.state, To: c.state, Owner: made.Owner, Now: made.Now, What: "undone",
		Detail: map[string]string{"by": string(by.ID)}}
	if c.state.CanGo(queue.Superseded) {
		event.To, event.What = queue.Superseded, "superseded"
	}
	changed, err := t.exec(`UPDATE requests SET state = ?, superseded_by = ?, updated_at = ?, cause = CASE WHEN state = ? THEN cause END
		WHERE seq = ? AND state = ?`, event.To, by.ID, micros(made.Now), event.To, c.seq, c.state)
	if err != nil {
		return err
	}
	if changed == 0 {
		return errors.New("request " + string(c.id) + " changed while it was locked")
	}
	if event.To == queue.Superseded {
		if err := t.inherit(c.seq, by.Seq, made); err != nil {
			return err
		}
	}
	return t.log(event)
}

// inherit gives the claims of a superseded request on what the holder still has to the one that superseded it, and drops the others.
func (t *txn) inherit(from, to int64, made queue.Transition) error {
	var kept []queue.Claim
	err := t.rows(`SELECT address, kind FROM claims WHERE seq = ?`, []any{from}, func(row *sql.Rows) error {
		var c queue.Claim
		err := row.Scan(&c.Address, &c.Kind)
		if made.Inherits(c) {
			kept = append(kept, c)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := t.claim(to, kept); err != nil {
		return err
	}
	return t.unclaim(from)
}

// unclaim drops the claims of a request that became final.
func (t *txn) unclaim(seq int64) error {
	_, err := t.exec(`DELETE FROM claims WHERE seq = ?`, seq)
	return err
}
