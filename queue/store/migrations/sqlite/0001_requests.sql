-- Times are microseconds since 1970 in UTC; 0 is none. Structured values are JSON.

CREATE TABLE requests (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of acceptance, never used twice
    id             TEXT    NOT NULL UNIQUE,
    -- the submission, and what it is looked up by
    holder         TEXT    NOT NULL,
    holder_key     TEXT    NOT NULL, -- lower case
    action         TEXT    NOT NULL,
    address        TEXT    NOT NULL,
    address_key    TEXT    NOT NULL, -- lower case
    undoes         TEXT    NOT NULL,
    ticket         TEXT    NOT NULL,
    requester      TEXT    NOT NULL,
    note           TEXT    NOT NULL,
    allow          TEXT    NOT NULL,
    submitted_by   TEXT    NOT NULL,
    digest         TEXT    NOT NULL,
    -- where it stands
    state          TEXT    NOT NULL DEFAULT 'accepted' CHECK (state IN (
        'accepted', 'queued', 'held', 'writing', 'written', 'verified', 'mismatched', 'superseded', 'refused', 'failed',
        'cancelled')),
    cause          TEXT,
    object         TEXT    NOT NULL DEFAULT '', -- objectGUID
    cloud_id       TEXT    NOT NULL DEFAULT '',
    attempts       INTEGER NOT NULL DEFAULT 0,
    not_before     INTEGER NOT NULL DEFAULT 0,
    owner          TEXT    NOT NULL DEFAULT '',
    lease_until    INTEGER NOT NULL DEFAULT 0,
    -- what was and is to be written
    intent         TEXT,
    receipt        TEXT,
    expectation    TEXT,
    in_doubt       TEXT    NOT NULL DEFAULT '', -- the DC of a sent intent without an answer
    receipt_dc     TEXT    NOT NULL DEFAULT '',
    touched        TEXT    NOT NULL DEFAULT '[]', -- the addresses that the receipt's change touched, lower case
    -- what the cloud showed
    seen           TEXT,
    last_sync_seen INTEGER NOT NULL DEFAULT 0,
    sync_moves     INTEGER NOT NULL DEFAULT 0,
    superseded_by  TEXT    NOT NULL DEFAULT '',
    notes          TEXT    NOT NULL DEFAULT '[]',
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    written_at     INTEGER NOT NULL DEFAULT 0,
    verified_at    INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'writing') = (lease_until <> 0)),
    CHECK (state NOT IN ('written', 'verified', 'mismatched', 'superseded') OR receipt IS NOT NULL),
    CHECK (state NOT IN ('queued', 'held', 'writing', 'written') OR object <> '')
);

-- A query uses an index that has a condition only where it says the same condition.
CREATE INDEX requests_by_state ON requests (state, seq);
CREATE INDEX requests_by_object ON requests (object, seq) WHERE object <> '';
CREATE INDEX requests_by_holder ON requests (holder_key, seq);
CREATE INDEX requests_by_ticket ON requests (ticket, seq) WHERE ticket <> '';
CREATE INDEX requests_waiting ON requests (object, seq) WHERE state IN ('queued', 'held', 'writing');
CREATE INDEX requests_queued ON requests (seq, not_before, object) WHERE state = 'queued';
CREATE INDEX requests_awaiting ON requests (seq) WHERE state IN ('written', 'mismatched');
CREATE INDEX requests_open ON requests (digest) WHERE state IN (
    'accepted', 'queued', 'held', 'writing', 'written', 'mismatched');

-- The ways out of the states, as the code has them.
CREATE TRIGGER requests_ways BEFORE UPDATE OF state ON requests
WHEN OLD.state <> NEW.state AND NOT CASE OLD.state
    WHEN 'accepted'   THEN NEW.state IN ('queued', 'refused', 'cancelled')
    WHEN 'queued'     THEN NEW.state IN ('writing', 'held', 'refused', 'cancelled')
    WHEN 'held'       THEN NEW.state IN ('queued', 'cancelled')
    WHEN 'writing'    THEN NEW.state IN ('written', 'queued', 'refused', 'failed')
    WHEN 'written'    THEN NEW.state IN ('verified', 'mismatched', 'superseded')
    WHEN 'mismatched' THEN NEW.state IN ('verified', 'superseded')
    ELSE FALSE END
BEGIN
    SELECT RAISE(ABORT, 'no request can go that way');
END;

-- What open requests want with addresses; rows go when the request is final.
CREATE TABLE claims (
    address TEXT    NOT NULL, -- lower case
    kind    TEXT    NOT NULL CHECK (kind IN ('take', 'release')),
    seq     INTEGER NOT NULL REFERENCES requests (seq) ON DELETE CASCADE,
    PRIMARY KEY (address, kind, seq)
) WITHOUT ROWID;

CREATE INDEX claims_by_request ON claims (seq);

CREATE TABLE idempotency_keys (
    submitted_by TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    digest       TEXT    NOT NULL,
    seq          INTEGER NOT NULL REFERENCES requests (seq),
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (submitted_by, key)
) WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- The event log. entry is the canonical JSON that hash was made from, with prev_hash before it.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY,
    request_id TEXT    NOT NULL,
    entry      TEXT    NOT NULL,
    prev_hash  TEXT    NOT NULL,
    hash       TEXT    NOT NULL
);

CREATE INDEX events_by_request ON events (request_id, id);

CREATE TRIGGER events_keep BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

-- One row while all writing is stopped.
CREATE TABLE pause (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    paused_at INTEGER NOT NULL,
    paused_by TEXT    NOT NULL
);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL DEFAULT 0,
    revoked_at   INTEGER NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX tokens_in_force ON tokens (name) WHERE revoked_at = 0;

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
