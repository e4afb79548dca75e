package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/aliasd/aliasd/queue/eventlog"
	"github.com/aliasd/aliasd/sqlitefile"
)

// schema is what a database says of each part of a schema, by its kind and name: "trigger events_stay".
type schema map[string]string

// compareSchema names what of a schema is not as the steps make it.
func compareSchema(is, made schema, found func(eventlog.Finding)) {
	for _, part := range slices.Sorted(maps.Keys(made)) {
		switch text, there := is[part]; {
		case !there:
			found(eventlog.Finding{Row: part, Message: "it is missing: it was dropped or renamed by hand"})
		case text != made[part]:
			found(eventlog.Finding{Row: part, Message: "it is not as aliasd made it: it was changed by hand"})
		}
	}
	for _, part := range slices.Sorted(maps.Keys(is)) {
		if _, ours := made[part]; !ours {
			found(eventlog.Finding{Row: part, Message: "aliasd did not make it: it was put in by hand; take it out, or to another schema or database"})
		}
	}
}

// readSchema reads parts of a schema: kind, name, and what says how it is.
func readSchema(rows *sql.Rows, err error) (schema, error) {
	is := schema{}
	return is, every(rows, err, func(row *sql.Rows) error {
		var kind, name string
		var text sql.NullString
		err := row.Scan(&kind, &name, &text)
		// What a checkout made of the ends of the lines is no matter.
		is[kind+" "+name] += strings.ReplaceAll(text.String, "\r\n", "\n") + "\n"
		return err
	})
}

// sqliteSchema is all that stands in the schema of a SQLite file, but what ANALYZE puts there.
const sqliteSchema = `SELECT type, name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_master
	WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat3', 'sqlite_stat4'))`

// madeSQLite is the schema that the first steps make.
func madeSQLite(ctx context.Context, _ *sql.DB, steps []string) (made schema, err error) {
	db, err := sqlitefile.Memory()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, step := range steps {
		text, err := fs.ReadFile(migrations, step)
		if err != nil {
			return nil, err
		}
		if _, err := db.ExecContext(ctx, string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return readSchema(db.QueryContext(ctx, sqliteSchema))
}

// foreignSQLite names the first part of the schema of a file that is not as the steps up to its version make it.
func foreignSQLite(ctx context.Context, db *sql.DB, version int) error {
	d := sqlite()
	steps, err := d.steps()
	if err != nil {
		return err
	}
	made, err := madeSQLite(ctx, nil, steps[:min(version, len(steps))])
	if err != nil {
		return err
	}
	is, err := readSchema(db.QueryContext(ctx, d.schema))
	if err != nil {
		return err
	}
	var found eventlog.Result
	compareSchema(is, made, found.Note)
	return found.Err()
}
