package mirror

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/sqlitefile"
)

// version is that of the schema. A copy with another one is read anew, so there are no migrations.
const version = 3

// spoiled is the version of a copy in which a read found damage.
const spoiled = -1

// state is where a copy stands.
type state struct {
	cursor cloudcheck.Cursor
	at     time.Time // when the cursor was had
	whole  time.Time // when the whole tenant was last read
	// doubts are what the next refresh asks for again.
	doubts  doubts
	objects int
}

// Refresh brings the copy up to date: by what changed since the last time, or by reading the whole tenant where there is no
// copy, where it is of another tenant, of another version or damaged, where the delta token has expired, where too much
// changed, and where the last
// whole read was 28 days ago. progress is told how many objects of a whole read are in. Where it
// fails, the copy is as it was.
func (m *Mirror) Refresh(ctx context.Context, from Source, progress func(objects int)) (Refreshed, error) {
	m.turn.Lock()
	defer m.turn.Unlock()
	removeLeftovers(m.options.Path)
	began, calls := m.options.Now(), from.Calls()
	r, err := m.refresh(ctx, from, progress)
	r.Calls, r.Took = from.Calls()-calls, m.options.Now().Sub(began)
	return r, m.inWords(ctx, err)
}

func (m *Mirror) refresh(ctx context.Context, from Source, progress func(int)) (Refreshed, error) {
	since, why, err := m.attach(ctx)
	if err != nil {
		return Refreshed{}, err
	}
	if why == "" {
		r, err := m.catchUp(ctx, from, since)
		m.noteDamage(err)
		if why = whyAgain(err); why == "" {
			return r, err
		}
	}
	m.options.Logger.Info("the whole tenant is read", "why", why)
	r, err := m.readAll(ctx, from, progress)
	r.Why = why
	return r, err
}

// whyAgain says why a copy cannot be brought up to date by changes; "" where it can, or the error is another one.
func whyAgain(err error) string {
	var many *manyError
	switch {
	case errors.Is(err, cloudcheck.ErrExpired):
		return "the delta token had expired"
	case errors.As(err, &many):
		return many.Error()
	case err != nil && damaged(err):
		return "the copy was damaged"
	}
	return ""
}

// attach opens the file anew, for another process may have put another one in its place. why says why a copy is of no use,
// in words; "" where it is.
func (m *Mirror) attach(ctx context.Context) (s state, why string, err error) {
	if m.options.Anew {
		return state{}, "it was asked for", nil
	}
	if err := m.Close(); err != nil {
		return state{}, "", err
	}
	if _, err := os.Stat(m.options.Path); errors.Is(err, fs.ErrNotExist) {
		return state{}, "there was no copy", nil
	}
	db, err := connect(m.options.Path)
	if err != nil {
		return state{}, "", err
	}
	s, why, err = m.judge(ctx, db)
	if err != nil || why != "" {
		return state{}, why, errors.Join(err, db.Close())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.db = db
	return s, "", nil
}

// judge reads where a copy stands, and whether it can be used.
func (m *Mirror) judge(ctx context.Context, db *sql.DB) (s state, why string, err error) {
	var found int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return unread(err)
	}
	switch found {
	case version:
	case spoiled:
		return state{}, "the copy was damaged", nil
	default:
		return state{}, "the copy was made by another version of aliasd", nil
	}
	var tenant, cursor, doubts string
	var at, whole int64
	row := db.QueryRowContext(ctx, "SELECT tenant, cursor, at, whole, doubts, objects FROM meta")
	if err := row.Scan(&tenant, &cursor, &at, &whole, &doubts, &s.objects); err != nil {
		return unread(err)
	}
	if errors.Join(json.Unmarshal([]byte(cursor), &s.cursor), json.Unmarshal([]byte(doubts), &s.doubts)) != nil {
		return state{}, "the copy was damaged", nil
	}
	s.at, s.whole = instant(at), instant(whole)
	if tenant != m.options.TenantID {
		return state{}, "the copy was of another tenant", nil
	}
	return s, tooOld(s, m.options.Now()), nil
}

// tooOld says whether a copy is too old to be brought up to date; "" where it is not. Whether a token of about 7 days is
// still good, Graph says by its own clock.
func tooOld(s state, now time.Time) string {
	age := now.Sub(s.at)
	switch {
	case age > tokenLife+tokenMargin:
		return "the delta token was older than 7 days"
	case age < -tokenMargin:
		return "the copy was made later than now by this machine's clock"
	case now.Sub(s.whole) >= wholeLife:
		return "the last whole read was older than 28 days"
	}
	return ""
}

// unread tells damage, which another read mends, from an error.
func unread(err error) (state, string, error) {
	if damaged(err) || errors.Is(err, sql.ErrNoRows) {
		return state{}, "the copy was damaged", nil
	}
	return state{}, "", err
}

// noteDamage sees to it that a copy in which a read found damage is not used again: what the next refresh touches need not
// be what is damaged. Where the file does not even take that mark, it goes.
func (m *Mirror) noteDamage(err error) {
	if err == nil || !damaged(err) {
		return
	}
	m.options.Logger.Warn("the copy of the tenant is damaged; the tenant is read anew", "file", m.options.Path, "error", err)
	if m.mark() == nil {
		return
	}
	_ = m.Close()                 // it goes anyway
	_ = os.Remove(m.options.Path) // what stays is found damaged again
}

func (m *Mirror) mark() error {
	db, err := connect(m.options.Path)
	if err != nil {
		return err
	}
	_, err = db.Exec(fmt.Sprintf("PRAGMA user_version = %d", spoiled))
	return errors.Join(err, db.Close())
}

// connect opens a copy. Its rollback journal leaves no second file behind, which could be taken for that of the next copy.
func connect(path string) (*sql.DB, error) {
	db, err := sqlitefile.Connect(path, 2, url.Values{
		"mode":    {"rw"},
		"_txlock": {"immediate"},
		"_pragma": {"busy_timeout(5000)", "journal_mode(DELETE)", "secure_delete(1)", "temp_store(MEMORY)"},
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}
