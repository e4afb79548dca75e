-- Retention: old requests go with their entries, and what stays of the event log stays a chain.

-- The entries that retention removed, as runs. A run keeps the hash before its first entry and that of its last one. Which runs
-- there are, the newest entry "pruned" of the log vouches for.
CREATE TABLE event_gaps (
    first_id  BIGINT PRIMARY KEY,
    last_id   BIGINT NOT NULL,
    prev_hash TEXT   NOT NULL,
    hash      TEXT   NOT NULL,
    CHECK (first_id > 0 AND last_id >= first_id)
);

-- An entry goes only where a gap tells of it.
CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM event_gaps WHERE first_id <= OLD.id AND last_id >= OLD.id) THEN
        RAISE EXCEPTION 'the event log is append-only';
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER events_stay ON events;
CREATE TRIGGER events_stay BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_stay();

-- No gap takes in an entry of a request that is not final, or one that belongs to no request.
CREATE FUNCTION event_gaps_begin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM events AS e LEFT JOIN requests AS r ON r.id = e.request_id
        WHERE e.id BETWEEN NEW.first_id AND NEW.last_id
            AND (r.state IS NULL OR r.state NOT IN ('verified', 'superseded', 'refused', 'failed', 'cancelled')))
    THEN
        RAISE EXCEPTION 'the entries of open requests stay';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER event_gaps_begin BEFORE INSERT ON event_gaps FOR EACH ROW EXECUTE FUNCTION event_gaps_begin();

-- A gap only grows, and goes only where another one takes it in.
CREATE FUNCTION event_gaps_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.first_id <> OLD.first_id OR NEW.last_id < OLD.last_id OR NEW.prev_hash <> OLD.prev_hash THEN
        RAISE EXCEPTION 'the event log is append-only';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER event_gaps_grow BEFORE UPDATE ON event_gaps FOR EACH ROW EXECUTE FUNCTION event_gaps_grow();

CREATE FUNCTION event_gaps_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM event_gaps WHERE first_id < OLD.first_id AND last_id >= OLD.last_id) THEN
        RAISE EXCEPTION 'the event log is append-only';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER event_gaps_stay BEFORE DELETE ON event_gaps FOR EACH ROW EXECUTE FUNCTION event_gaps_stay();
CREATE TRIGGER event_gaps_whole BEFORE TRUNCATE ON event_gaps FOR EACH STATEMENT EXECUTE FUNCTION events_keep();

-- A request goes only when it is final, and after its entries.
CREATE FUNCTION requests_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('verified', 'superseded', 'refused', 'failed', 'cancelled')
        OR EXISTS (SELECT 1 FROM events WHERE request_id = OLD.id)
    THEN
        RAISE EXCEPTION 'requests stay as long as the event log tells of them';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER requests_stay BEFORE DELETE ON requests FOR EACH ROW EXECUTE FUNCTION requests_stay();

CREATE INDEX event_gaps_by_end ON event_gaps (last_id);
CREATE INDEX requests_ended ON requests (seq, updated_at) WHERE state IN ('verified', 'superseded', 'refused', 'failed', 'cancelled');
CREATE INDEX requests_undoing ON requests (undoes) WHERE undoes <> '';
CREATE INDEX idempotency_keys_by_request ON idempotency_keys (seq);
