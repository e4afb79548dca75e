package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/sqlitefile"
)

// migrations are the steps of the schema, a folder for each database. Their names begin with their numbers, 0001 and up without gaps; one that was
// released is never changed.
//
//go:embed migrations/*/*.sql
var migrations embed.FS

// migrate brings the schema up to date, each step in a transaction of its own.
func migrate(ctx context.Context, db *sql.DB, d *dialect, o options) error {
	steps, err := d.steps()
	if err != nil {
		return err
	}
	first := true
	for more := true; more && err == nil; first = false {
		err = sqlitefile.InTx(ctx, db, func(tx *sql.Tx) error {
			more, err = d.migrateOnce(ctx, db, tx, steps, o.asItIs && first)
			return err
		})
	}
	return err
}

// steps are the files of the steps, in their order.
func (d *dialect) steps() ([]string, error) {
	return fs.Glob(migrations, "migrations/"+d.name+"/*.sql")
}

// tableMade finds in a step the tables that it makes.
var tableMade = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// tablesMade are the tables that the steps make, in their order.
func (d *dialect) tablesMade() (all []string, err error) {
	steps, err := d.steps()
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		text, err := fs.ReadFile(migrations, step)
		if err != nil {
			return nil, err
		}
		for _, made := range tableMade.FindAllSubmatch(text, -1) {
			all = append(all, string(made[1]))
		}
	}
	return all, nil
}

// ErrNewer: a newer version of the program made the store.
var ErrNewer = errors.New("a newer aliasd made it; use that one, or restore a backup from before the upgrade")

// ErrOlder: an earlier version of the program made the store, and may be using it (AsItIs).
var ErrOlder = errors.New("an earlier aliasd made it and may be running: start this version's daemon, which brings the store up to date, or use the earlier version's command")

func older(version, known int) error {
	return fmt.Errorf("its schema has version %d, this program's has %d: %w", version, known, ErrOlder)
}

func newer(version, known int) error {
	return fmt.Errorf("its schema has version %d, this program knows %d: %w", version, known, ErrNewer)
}

// migrateOnce makes the next step; false where there is none to make. Another process may have made it meanwhile. asItIs refuses to make one on
// what is there already.
func (d *dialect) migrateOnce(ctx context.Context, db *sql.DB, tx *sql.Tx, steps []string, asItIs bool) (more bool, err error) {
	version, err := d.schemaVersion(ctx, tx)
	if err != nil {
		return false, err
	}
	if version > len(steps) {
		return false, newer(version, len(steps))
	}
	if version == len(steps) {
		return false, nil
	}
	if version > 0 && asItIs {
		return false, older(version, len(steps))
	}
	step, err := fs.ReadFile(migrations, steps[version])
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, string(step)); err != nil {
		return false, fmt.Errorf("migration %s: %w", steps[version], err)
	}
	if version+1 == sealedSince {
		if err := d.seal(ctx, db, tx); err != nil {
			return false, fmt.Errorf("seal what is there: %w", err)
		}
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(d.setVersion, version+1))
	return true, err
}

// seal puts what an earlier version left into the event log.
func (d *dialect) seal(ctx context.Context, db *sql.DB, tx *sql.Tx) error {
	t := &txn{ctx: ctx, tx: tx, statements: prepare(db, d)}
	if err := t.seal(queue.Instant(time.Now())); err != nil {
		return err
	}
	return t.appendEvents()
}

// schemaVersion is the number of the last step that was made; nobody else makes one until tx has ended.
func (d *dialect) schemaVersion(ctx context.Context, tx *sql.Tx) (version int, err error) {
	for _, statement := range d.beforeVersion {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	err = tx.QueryRowContext(ctx, d.version).Scan(&version)
	return version, err
}
