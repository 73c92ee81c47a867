package commands

import (
	"context"

	"elemental/client"
	"elemental/client/visible"
)

func listChannels(ctx context.Context, c *client.Client, at Place, _ []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't list channels", errNowhere)
	}
	channels, err := c.Channels(ctx, at.Server)
	if err != nil {
		return failed("couldn't list channels", err)
	}
	if len(channels) == 0 {
		return told("this server has no channels, its owner may try /createchannel"), nil
	}
	return told(channels...), nil
}

func gotoChannel(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't go to channel", errNowhere)
	}
	channels, err := c.Channels(ctx, at.Server)
	if err != nil {
		return failed("couldn't get list of channels", err)
	}
	channel, known := listed(channels, args[0])
	if !known {
		return Outcome{}, usage("no such channel in this server")
	}
	return Outcome{Lines: []string{"connected to #" + visible.Line(channel)}, Goto: &Place{at.Server, channel}}, nil
}

func createChannel(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't create channel", errNowhere)
	}
	if err := c.CreateChannel(ctx, at.Server, args[0]); err != nil {
		return failed("couldn't create channel", err)
	}
	return Outcome{Lines: []string{"channel has been created"}, Changed: true}, nil
}

func deleteChannel(ctx context.Context, c *client.Client, at Place, args []string) (Outcome, error) {
	if at.Server == "" {
		return failed("couldn't delete channel", errNowhere)
	}
	if err := c.DeleteChannel(ctx, at.Server, args[0]); err != nil {
		return failed("couldn't delete channel", err)
	}
	out := Outcome{Lines: []string{"channel has been deleted"}, Changed: true}
	if same(at.Channel, args[0]) {
		out.Goto = &Place{Server: at.Server}
	}
	return out, nil
}
