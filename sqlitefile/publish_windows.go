package sqlitefile

// flushDir does nothing: Windows keeps names with the file system's own journal, and no folder can be flushed.
func flushDir(string) error { return nil }
