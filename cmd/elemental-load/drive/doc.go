// Package drive carries out a plan: it makes users, servers and channels, connects the
// clients, and lets them act on schedule.
//
//	Prepare ── World ──┬─ Worker ── part ── client     one process's share of each scenario
//	                   └─ Worker …                     (several processes share a run)
//
// A worker goes through the steps Connect, Load and Check. Each step begins when all
// workers have finished the one before.
package drive
