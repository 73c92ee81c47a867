// Package drive does what a plan says: it makes users, servers and channels,
// connects the clients, and has them act on schedule.
//
//	Prepare ── World ──┬─ Worker ── part ── client     one process's share of each scenario
//	                   └─ Worker …                     (several processes share a run)
//
// A worker goes through Connect, Load and Check, each after all workers have done
// the one before.
package drive
