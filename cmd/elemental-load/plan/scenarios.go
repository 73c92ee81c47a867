package plan

// Scenario is a kind of load, with the defaults of a run that has this scenario alone.
type Scenario struct {
	Name, About string

	Clients  int
	Users    int // 0: as many as clients
	Rate     float64
	Servers  int
	Channels int
	History  int
	Size     Range

	Least    int     // least number of clients
	OwnUsers bool    // each client needs its own user
	Interval float64 // least seconds between two actions of a client, 0: none; poll's stays well above the 0.75 that a provider allows
	Pushes   bool    // needs a provider that pushes
	Steady   bool    // each client repeats one kind of request
	Waves    bool    // one action is an action of all clients of a process at once
	Main     string  // the operation that the scenario is about
}

// Scenarios lists all scenarios, except Mixed.
var Scenarios = []Scenario{
	{Name: "chat", About: "posts spread over many channels; every client is subscribed to its channel",
		Clients: 100, Users: 20, Rate: 1000, Servers: 5, Channels: 4, Size: Range{100, 300}, Main: "post", Steady: true},
	{Name: "fanout", About: "one large channel: a few clients post, all others are subscribed",
		Clients: 1000, Users: 20, Rate: 50, Servers: 1, Channels: 1, Size: Range{100, 300}, Least: 5, Pushes: true, Main: "post", Steady: true},
	{Name: "history", About: "paging back through channels, 50 messages at a time",
		Clients: 50, Users: 20, Rate: 500, Servers: 2, Channels: 2, History: 2000, Size: Range{100, 300}, Main: "page", Steady: true},
	{Name: "poll", About: "what the original etttc does: gettotalmessages and getmessages on a timer, a post now and then",
		Clients: 200, Users: 20, Rate: 200, Servers: 5, Channels: 4, Size: Range{100, 300}, Interval: 1, Main: "count"},
	{Name: "login", About: "a storm: connect, register a new user, log in, leave",
		Clients: 200, Users: 1, Rate: 10, Size: Range{100, 100}, Main: "register"},
	{Name: "connect", About: "idle connections that are logged in; one of them pings now and then",
		Clients: 5000, Users: 2, Rate: 50, Size: Range{100, 100}, Main: "ping", Steady: true},
	{Name: "churn", About: "servers and channels made and deleted, members who come and go",
		Clients: 20, Rate: 20, Servers: 1, Channels: 1, Size: Range{100, 100}, OwnUsers: true, Main: "newserver"},
	{Name: "reconnect", About: "all connections drop at once, return, log in, subscribe and post",
		Clients: 300, Users: 20, Rate: 0.5, Servers: 5, Channels: 4, Size: Range{100, 300}, Main: "return", Waves: true},
	{Name: "slow", About: "a fifth of the subscribers stops reading; the others chat on",
		Clients: 50, Users: 20, Rate: 300, Servers: 1, Channels: 1, Size: Range{4000, 4000}, Least: 5, Pushes: true, Main: "post", Steady: true},
}

// mixed is what "mixed" stands for, with weights in percent.
var mixed = []Share{{"chat", 70}, {"history", 15}, {"poll", 10}, {"churn", 5}}

// Mixed is the name of the scenario that is a mix of others.
const Mixed = "mixed"

// together has the defaults for a mix of scenarios.
var together = Scenario{
	Clients: 100, Users: 20, Rate: 300, Servers: 2, Channels: 4, History: 1000, Size: Range{100, 300},
}

// Find returns the scenario of that name, or false.
func Find(name string) (Scenario, bool) {
	for _, s := range Scenarios {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
