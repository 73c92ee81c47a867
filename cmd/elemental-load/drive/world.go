package drive

import (
	"time"

	"elemental/cmd/elemental-load/plan"
)

// World is what a run has made at the provider before the load begins, and all that a
// process needs to take part in the run. It can be sent as JSON. It holds secrets: it is
// only for the processes of the run.
type World struct {
	Run   string    `json:"run"`
	Plan  plan.Plan `json:"plan"`
	Reach Reach     `json:"reach"`

	Original bool      `json:"original"`
	Password string    `json:"password"` // of all accounts
	Accounts []Account `json:"accounts"`
	Parts    []Site    `json:"parts"` // one for each scenario, in the order of Plan.Mix

	ready bool // the preparation is complete, so clients may have made servers too
}

// Reach says how to connect to the provider, and how long to wait for it.
type Reach struct {
	Address     string        `json:"address"` // IP address and port
	Sources     int           `json:"sources"` // number of local addresses to connect from; 0: as many as are needed
	TLS         bool          `json:"tls"`
	CA          string        `json:"ca"`          // PEM file with the certificates to trust; "" for the system's
	Insecure    bool          `json:"insecure"`    // accept any certificate
	ServerName  string        `json:"server_name"` // the name that the certificate must have
	Timeout     time.Duration `json:"timeout"`     // a connection on which an answer is missing for this long is given up
	Outstanding int           `json:"outstanding"` // most actions under way at once in one process
}

// Account is a user of the run.
type Account struct {
	Name string `json:"name"`
	Key  string `json:"key"` // to log in with; "" if the provider is the original
}

// Site is what the preparation made for one scenario.
type Site struct {
	Servers []Server `json:"servers"`
}

// Server is a server of the run. Its password is empty.
type Server struct {
	Name     string   `json:"name"`
	Owner    int      `json:"owner"` // index in World.Accounts
	Channels []string `json:"channels"`
	History  int64    `json:"history"` // number of messages that each channel has before the load
}

// general is the channel that every new server has.
const general = "general"
