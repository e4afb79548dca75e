// Package syncengine is a small Microsoft Entra Connect for the lab: it reads an on-premises directory over LDAPS and
// imports what it finds into the lab's tenant, once or on an interval. Like the real one it can be in staging mode or
// suspended, leaves critical system objects and other organizational units out, and moves the organization's last sync at
// each cycle even when nothing changed.
//
// It writes nothing to the directory and decides nothing about addresses: the tenant does.
package syncengine
