package commands

import (
	"context"
	"slices"

	"elemental/client"
	"elemental/client/visible"
	"elemental/protocol"
)

// generalChannel is the channel that every server has at first.
const generalChannel = "general"

// errNowhere is the error of a command that needs a server when the user is in none.
var errNowhere error = &UsageError{"you are in no server, try /gotoserver or /joinserver"}

func createServer(ctx context.Context, c *client.Client, _ Place, args []string) (Outcome, error) {
	if err := c.CreateServer(ctx, args[0], args[1]); err != nil {
		return failed("server not created", err)
	}
	return moved("server created", arrival(ctx, c, args[0])), nil
}

func joinServer(ctx context.Context, c *client.Client, _ Place, args []string) (Outcome, error) {
	if err := c.JoinServer(ctx, args[0], args[1]); err != nil {
		return failed("unable to join server", err)
	}
	return moved("successfully joined server", arrival(ctx, c, args[0])), nil
}

func gotoServer(ctx context.Context, c *client.Client, _ Place, args []string) (Outcome, error) {
	servers, err := c.Servers(ctx)
	if err != nil {
		return failed("couldn't get list of servers", err)
	}
	server, known := listed(servers, args[0])
	if !known {
		return Outcome{}, usage("not in that server")
	}
	channels, err := c.Channels(ctx, server)
	if err != nil {
		return failed("couldn't get list of channels", err)
	}
	channel := Entrance(channels)
	if channel == "" {
		return moved("entered server, it has no channels", Place{Server: server}), nil
	}
	return moved("entered server and joined #"+visible.Line(channel), Place{server, channel}), nil
}

func deleteServer(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	if err := c.DeleteServer(ctx, args[0], args[1]); err != nil {
		return failed("server not deleted", err)
	}
	return gone("server successfully deleted", at, args[0]), nil
}

func leaveServer(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	server := at.Server
	if len(args) > 0 {
		server = args[0]
	}
	if err := c.LeaveServer(ctx, server); err != nil {
		return failed("couldn't leave server", err)
	}
	return gone("left server "+visible.Line(server), at, server), nil
}

func listServers(ctx context.Context, c *client.Client, _ Place, _ []string) (Outcome, error) {
	servers, err := c.Servers(ctx)
	if err != nil {
		return failed("couldn't list servers", err)
	}
	if len(servers) == 0 {
		return told("you are in no server, try /joinserver or /createserver"), nil
	}
	out := told(servers...)
	out.Changed = true // the user may have joined one with another client
	return out, nil
}

func listMembers(ctx context.Context, c *client.Client, at Place, _ []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't list members", errNowhere)
	}
	all, err := c.Members(ctx, at.Server)
	if err != nil {
		return failed("couldn't list members", err)
	}
	return told(memberLines(all)...), nil
}

func memberLines(all client.Members) []string {
	var lines []string
	ownerListed := false
	for _, m := range all.Members {
		line := m.User + ", offline"
		if m.Online {
			line = m.User + ", online"
		}
		if m.User == all.Owner {
			line += ", owner"
			ownerListed = true
		}
		lines = append(lines, line)
	}
	if !ownerListed {
		lines = append(lines, all.Owner+", owner, not a member")
	}
	return lines
}

// arrival returns where the user is after entering a server: the server's name as the provider
// keeps it, and its main channel. If the provider does not answer, it returns a guess and no
// error, since the user has entered the server in any case.
func arrival(ctx context.Context, c *client.Client, server string) Place {
	if servers, err := c.Servers(ctx); err == nil {
		server, _ = listed(servers, server)
	}
	channels, err := c.Channels(ctx, server)
	if err != nil {
		return Place{server, generalChannel}
	}
	return Place{server, Entrance(channels)}
}

// Entrance returns the channel to which a user comes first: "general", else the first one, or ""
// if there is none.
func Entrance(channels []string) string {
	switch {
	case len(channels) == 0:
		return ""
	case slices.Contains(channels, generalChannel):
		return generalChannel
	}
	return channels[0]
}

// listed returns the name in the list that the user meant: exactly as it was written, or in the
// form that providers give to names. It reports false if there is none.
func listed(names []string, written string) (string, bool) {
	if slices.Contains(names, written) {
		return written, true
	}
	if clean := protocol.Cleaned(written); slices.Contains(names, clean) {
		return clean, true
	}
	return written, false
}

// same reports whether the user meant that name by what they wrote.
func same(name, written string) bool {
	_, yes := listed([]string{name}, written)
	return yes
}

// told returns an outcome that has only these lines, made safe to show.
func told(lines ...string) Outcome {
	shown := make([]string, len(lines))
	for i, line := range lines {
		shown[i] = visible.Line(line)
	}
	return Outcome{Lines: shown}
}

func moved(line string, to Place) Outcome {
	return Outcome{Lines: []string{line}, Goto: &to, Changed: true}
}

// gone returns the outcome when the user has left or deleted a server. If they were in it, they
// are nowhere afterwards.
func gone(line string, at Place, server string) Outcome {
	out := Outcome{Lines: []string{line}, Gone: protocol.Cleaned(server), Changed: true}
	if same(at.Server, server) {
		out.Goto = &Place{}
	}
	return out
}
