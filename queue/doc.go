// Package queue takes requests, keeps them in order, and drives both sides: it checks, writes and sweeps.
//
// The life of a request:
//
//	            ┌──────── retry ─────────┐
//	accepted → queued ⇄ held ←─ caps ───┤
//	   │          └──→ writing ──────────┘
//	   │                  ├──→ failed
//	   ├──→ refused ←─────┤
//	   └──→ cancelled     └──→ written ──→ verified
//	     (queued, held too)        ├──→ mismatched ──→ verified
//	                               └──→ superseded ←── (mismatched too)
//
// A request is durable before it is acknowledged. The resolver finds its holder, in the order of acceptance, and takes a
// claim on its addresses. The writer leases it, looks at both sides, plans, stores the intent, and sends one modify. The
// sweep asks the cloud until it shows what was asked for. Every step is one guarded transition with its event
// (Store), so a crash at any point leaves a request that the next start can go on with.
//
// A desired state is retried, never an operation: each attempt reads and plans anew. What an earlier attempt may have
// written is told by the stored intent.
//
// The package does not know LDAP or Graph: it drives them through Directory and Cloud, and knows no HTTP.
package queue
