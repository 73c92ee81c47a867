package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"elemental/actors"
	"elemental/cmd/elemental/hashing"
	"elemental/cmd/internal/cli"
	"elemental/inspector"
	"elemental/persistence"
	"elemental/transport"
)

// This file turns the options into the configuration of each package.

func (o *options) storage(log *slog.Logger) persistence.Config {
	return persistence.Config{
		Dir:              o.StoragePath,
		Indent:           o.JSONFileIndent,
		SnapshotInterval: time.Duration(o.SnapshotInterval),
		SegmentBytes:     int64(o.SegmentSize),
		OpenPages:        openPages(),
		Log:              log,
		Inspect:          o.inspects(),
	}
}

func (o *options) domain(icon string) actors.Config {
	return actors.Config{
		Name:             o.ProviderName,
		Welcome:          o.ProviderWelcome,
		Icon:             icon,
		AutoSubscribe:    bool(o.SendOtherUsersData),
		HideUsers:        bool(o.HideUsers),
		KeyLifetime:      time.Duration(o.KeyLifetime),
		CountInterval:    time.Duration(o.CountInterval),
		Passivate:        time.Duration(o.Passivate),
		StateBytes:       int(o.MaxState),
		Deadline:         time.Duration(o.AnswerTimeout),
		MessageBytes:     int(o.MaxMessage),
		AnswerMessages:   o.MaxAnswerMessages,
		AnswerBytes:      int(o.MaxAnswer),
		InFlightRequests: o.MaxInFlight,
		InFlightBytes:    int(o.MaxInFlightBytes),
		Subscriptions:    o.MaxSubscriptions,
		HashMemory:       o.HashMemory,
		HashTime:         o.HashTime,
		HashWorkers:      o.HashWorkers,
		HashQueue:        o.HashQueue,

		LoginFailures:        o.LoginFailures,
		LoginFailuresAddress: o.LoginFailuresAddress,
		LoginPause:           time.Duration(o.LoginPause),

		Inspect: o.inspects(),
		Calls:   o.countedCalls(),
	}
}

// inspects tells whether the inspector or traces need what actors report of themselves.
func (o *options) inspects() bool { return o.Admin != "" || o.OTLP != "" }

func (o *options) countedCalls() []string {
	if !o.inspects() {
		return nil
	}
	return transport.Calls()
}

// inspector is the configuration of what --admin opens.
func (o *options) inspector(log *slog.Logger) (inspector.Config, error) {
	cfg := inspector.Config{Addr: o.Admin, Name: o.ProviderName, Version: cli.Version("elemental"), Log: log, Ballast: ballastBytes}
	if o.AdminTokenFile == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(o.AdminTokenFile)
	cfg.Token = strings.TrimSpace(string(text))
	switch {
	case err != nil:
	case cfg.Token == "":
		err = fmt.Errorf("%s holds no token", o.AdminTokenFile)
	case strings.ContainsFunc(cfg.Token, unicode.IsControl): // no header can carry it
		err = fmt.Errorf("%s holds more than one line, and has to hold the token alone", o.AdminTokenFile)
	}
	return cfg, err
}

// besides makes hashers that run this program as child processes.
func besides(log *slog.Logger) func(actors.Argon2id) actors.Hasher {
	return func(here actors.Argon2id) actors.Hasher { return hashing.NewProcess(here, log) }
}

func (o *options) wire(console io.Writer) transport.Config {
	cfg := transport.Config{
		Host:              strings.Trim(o.Host, "[]"), // as people write IPv6 addresses elsewhere
		Port:              o.Port,
		Encoding:          o.Encoding,
		CertFile:          o.TLSCert,
		KeyFile:           o.TLSKey,
		LoginRequestBytes: int(o.MaxRequestBeforeLogin),
		RequestBytes:      int(o.MaxRequest),
		Depth:             o.MaxDepth,
		ImageBytes:        int(o.MaxImage),
		RequestTime:       time.Duration(o.RequestTimeout),
		LoginTime:         time.Duration(o.LoginTimeout),
		IdleTime:          time.Duration(o.IdleTimeout),
		StallTime:         time.Duration(o.WriteTimeout),
		Window:            o.Window,
		Together:          o.WindowTogether,
		OutboxBytes:       int(o.MaxOutbox),
		UnreadBytes:       int(o.MaxUnread),
		Connections:       o.MaxConnections,
		PerAddress:        o.MaxConnectionsAddress,
		ConsoleName:       o.ProviderNameInConsole,
		Inspect:           o.inspects(),
	}
	if o.LogRequests {
		cfg.RequestLog = console
	}
	return cfg
}
