-- Retention: old requests go with their entries, and what stays of the event log stays a chain.

-- The entries that retention removed, as runs. A run keeps the hash before its first entry and that of its last one. Which runs
-- there are, the newest entry "pruned" of the log vouches for.
CREATE TABLE event_gaps (
    first_id  INTEGER PRIMARY KEY,
    last_id   INTEGER NOT NULL,
    prev_hash TEXT    NOT NULL,
    hash      TEXT    NOT NULL,
    CHECK (first_id > 0 AND last_id >= first_id)
);

-- An entry goes only where a gap tells of it.
DROP TRIGGER events_stay;

CREATE TRIGGER events_stay BEFORE DELETE ON events
WHEN NOT EXISTS (SELECT 1 FROM event_gaps WHERE first_id <= OLD.id AND last_id >= OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

-- No gap takes in an entry of a request that is not final, or one that belongs to no request.
CREATE TRIGGER event_gaps_begin BEFORE INSERT ON event_gaps
WHEN EXISTS (
    SELECT 1 FROM events AS e LEFT JOIN requests AS r ON r.id = e.request_id
    WHERE e.id BETWEEN NEW.first_id AND NEW.last_id
        AND (r.state IS NULL OR r.state NOT IN ('verified', 'superseded', 'refused', 'failed', 'cancelled')))
BEGIN
    SELECT RAISE(ABORT, 'the entries of open requests stay');
END;

-- A gap only grows, and goes only where another one takes it in.
CREATE TRIGGER event_gaps_grow BEFORE UPDATE ON event_gaps
WHEN NEW.first_id <> OLD.first_id OR NEW.last_id < OLD.last_id OR NEW.prev_hash <> OLD.prev_hash
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

CREATE TRIGGER event_gaps_stay BEFORE DELETE ON event_gaps
WHEN NOT EXISTS (SELECT 1 FROM event_gaps WHERE first_id < OLD.first_id AND last_id >= OLD.last_id)
BEGIN
    SELECT RAISE(ABORT, 'the event log is append-only');
END;

-- A request goes only when it is final, and after its entries.
CREATE TRIGGER requests_stay BEFORE DELETE ON requests
WHEN OLD.state NOT IN ('verified', 'superseded', 'refused', 'failed', 'cancelled')
    OR EXISTS (SELECT 1 FROM events WHERE request_id = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'requests stay as long as the event log tells of them');
END;

CREATE INDEX event_gaps_by_end ON event_gaps (last_id);
CREATE INDEX requests_ended ON requests (seq, updated_at) WHERE state IN ('verified', 'superseded', 'refused', 'failed', 'cancelled');
CREATE INDEX requests_undoing ON requests (undoes) WHERE undoes <> '';
CREATE INDEX idempotency_keys_by_request ON idempotency_keys (seq);
