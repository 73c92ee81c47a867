// Package inspector lets people and programs look at a running provider. It has a page
// with the living actors, metrics, profiles, and a lab to harm the provider on purpose.
// It is separate from the other parts: without it the provider works the same.
//
// It is served over HTTP at an address of its own. Answers are JSON; times are Unix
// milliseconds, durations microseconds, unless said otherwise.
//
//	GET  /                   the page, and /assets/
//	GET  /live, /ready       for whoever restarts or routes; need no token
//	GET  /metrics            for Prometheus
//	GET  /debug/pprof/       profiles
//	GET  /api/about          what runs here
//	GET  /api/overview       the whole tree, compact
//	GET  /api/tree           ?parent=&kind=&sort=&offset=&limit=
//	GET  /api/search         ?q=&kind=&sort=&offset=&limit=
//	GET  /api/actor          ?id=
//	GET  /api/connections    ?offset=&limit=
//	GET  /events             ?topics=flow,tree,feed,cost,actor:ID  server-sent events
//	POST /api/follow         {stream, conn, call, count}; DELETE ?id=
//	POST /api/fault          {what, …}; DELETE ?what=; GET: with the fault lab alone
//
// While no stream of events is open, nothing is collected except the counters that the
// provider's other parts keep.
package inspector
