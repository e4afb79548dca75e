-- What the caps count: one row for each request whose modify was sent, or is about to be.
CREATE TABLE spent (
    seq      INTEGER PRIMARY KEY REFERENCES requests (seq) ON DELETE CASCADE,
    spent_at INTEGER NOT NULL,
    removals INTEGER NOT NULL
);

CREATE INDEX spent_by_time ON spent (spent_at, removals);

-- One row at most: when the pace lets the next modify go.
CREATE TABLE pace (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    next_slot INTEGER NOT NULL
);

ALTER TABLE requests ADD COLUMN released_by TEXT NOT NULL DEFAULT '';

CREATE INDEX requests_by_source ON requests (submitted_by, requester, created_at);

-- The ways out of the states, as the code has them: what is over a cap goes from writing to held.
DROP TRIGGER requests_ways;

CREATE TRIGGER requests_ways BEFORE UPDATE OF state ON requests
WHEN OLD.state <> NEW.state AND NOT CASE OLD.state
    WHEN 'accepted'   THEN NEW.state IN ('queued', 'refused', 'cancelled')
    WHEN 'queued'     THEN NEW.state IN ('writing', 'held', 'refused', 'cancelled')
    WHEN 'held'       THEN NEW.state IN ('queued', 'cancelled')
    WHEN 'writing'    THEN NEW.state IN ('written', 'queued', 'held', 'refused', 'failed')
    WHEN 'written'    THEN NEW.state IN ('verified', 'mismatched', 'superseded')
    WHEN 'mismatched' THEN NEW.state IN ('verified', 'superseded')
    ELSE FALSE END
BEGIN
    SELECT RAISE(ABORT, 'no request can go that way');
END;
