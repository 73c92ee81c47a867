package drive

import (
	"time"

	"elemental/cmd/elemental-load/plan"
)

// World is what a run has made at the provider before the load begins, and all that a
// process needs to take part. It can be sent as JSON; it holds secrets and is for
// the processes of the run alone.
type World struct {
	Run   string    `json:"run"`
	Plan  plan.Plan `json:"plan"`
	Reach Reach     `json:"reach"`

	Original bool      `json:"original"`
	Password string    `json:"password"` // of all accounts
	Accounts []Account `json:"accounts"`
	Parts    []Site    `json:"parts"` // as Plan.Mix

	ready bool // all of it is there: clients may have made something too
}

// Reach says how to get at the provider, and how patient to be.
type Reach struct {
	Address     string        `json:"address"` // IP address and port
	Sources     int           `json:"sources"` // local addresses to connect from; 0: as many as are needed
	TLS         bool          `json:"tls"`
	CA          string        `json:"ca"`          // PEM file of who is trusted, "" for the system's
	Insecure    bool          `json:"insecure"`    // any certificate will do
	ServerName  string        `json:"server_name"` // that the certificate has to be for
	Timeout     time.Duration `json:"timeout"`     // without an answer for so long, a connection is given up
	Outstanding int           `json:"outstanding"` // most actions that may be under way in one process
}

// Account is a user of the run.
type Account struct {
	Name string `json:"name"`
	Key  string `json:"key"` // of a login, "" where the provider is the original
}

// Site is what one scenario has of its own.
type Site struct {
	Servers []Server `json:"servers"`
}

// Server is a server of the run, without a password.
type Server struct {
	Name     string   `json:"name"`
	Owner    int      `json:"owner"` // index of the account
	Channels []string `json:"channels"`
	History  int64    `json:"history"` // messages in each channel
}

// general is the channel that every new server has.
const general = "general"
