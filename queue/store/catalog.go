package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresSchema is all that stands in the current schema, as the catalog has it, without what an extension made. It names no schema, so
// that what two of them have can be compared.
const postgresSchema = `WITH ours AS (SELECT CAST(current_schema() AS regnamespace) AS id)
	SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' WHEN 'S' THEN 'sequence' WHEN 'i' THEN 'index' ELSE 'relation' END,
		c.relname, concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, pg_get_indexdef(c.oid, 0, true))
	FROM pg_class AS c, ours WHERE c.relnamespace = ours.id AND c.relkind <> 'c' AND c.relname <> 'aliasd_schema' AND c.relname <> 'aliasd_schema_pkey'
		AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
	UNION ALL
	SELECT 'column', c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
		pg_get_expr(f.adbin, f.adrelid))
	FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid LEFT JOIN pg_attrdef AS f ON f.adrelid = c.oid AND f.adnum = a.attnum, ours
	WHERE c.relnamespace = ours.id AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'aliasd_schema'
		AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
	UNION ALL
	SELECT 'constraint', c.relname || '.' || n.conname, concat_ws(' ', n.contype, n.convalidated, pg_get_constraintdef(n.oid, true))
	FROM pg_constraint AS n JOIN pg_class AS c ON c.oid = n.conrelid, ours WHERE c.relnamespace = ours.id AND c.relname <> 'aliasd_schema'
		AND n.contype <> 'n' AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
	UNION ALL
	SELECT 'trigger', t.tgname, concat_ws(' ', c.relname, p.proname, CAST(p.pronamespace = ours.id AS TEXT), t.tgtype, t.tgenabled, t.tgattr, t.tgargs,
		pg_get_expr(t.tgqual, t.tgrelid))
	FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid, ours
	WHERE c.relnamespace = ours.id AND NOT t.tgisinternal
	UNION ALL
	SELECT 'trigger', 'of the constraint ' || n.conname || ' on ' || c.relname || ' ' || t.tgtype, concat_ws(' ', p.proname, t.tgenabled)
	FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_constraint AS n ON n.oid = t.tgconstraint, ours
	WHERE c.relnamespace = ours.id AND t.tgisinternal
	UNION ALL
	SELECT 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', concat_ws(' ', l.lanname, p.prosecdef, p.provolatile,
		format_type(p.prorettype, NULL), array_to_string(p.proconfig, ','), p.prosrc)
	FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang, ours WHERE p.pronamespace = ours.id
		AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
	UNION ALL
	SELECT 'rule', c.relname || '.' || r.rulename, concat_ws(' ', r.ev_type, r.ev_enabled) FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class, ours
	WHERE c.relnamespace = ours.id AND c.relkind = 'r'
	UNION ALL
	SELECT 'policy', c.relname || '.' || p.polname, '' FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid, ours WHERE c.relnamespace = ours.id
	UNION ALL
	SELECT 'child table', c.relname, '' FROM pg_inherits AS i JOIN pg_class AS p ON p.oid = i.inhparent JOIN pg_class AS c ON c.oid = i.inhrelid, ours
	WHERE p.relnamespace = ours.id
	ORDER BY 1, 2, 3`

// madePostgres is the schema that the steps make: in a schema of its own, which is rolled back. An account that may make none gets
// errNoScratch.
func madePostgres(ctx context.Context, db *sql.DB, steps []string) (made schema, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // it was made to be looked at
	name := "aliasd_compared_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := tx.ExecContext(ctx, `CREATE SCHEMA `+name); err != nil {
		var answer *pgconn.PgError
		if errors.As(err, &answer) && answer.Code == "42501" { // insufficient_privilege
			return nil, fmt.Errorf("%w: %w", errNoScratch, err)
		}
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `SET LOCAL search_path = `+name); err != nil {
		return nil, err
	}
	for _, step := range steps {
		text, err := fs.ReadFile(migrations, step)
		if err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return readSchema(tx.QueryContext(ctx, postgresSchema))
}

// errNoScratch: the schema cannot be compared, because the account may not make another one for that.
var errNoScratch = errors.New("the account may make no schema in the database, so that aliasd's cannot be compared with what it has to be; make the account the database's owner")
