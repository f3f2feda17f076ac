package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/wiring"
)

// process is what the program gets from the operating system.
type process struct {
	args, environ  []string
	stdout, stderr io.Writer
	reload         <-chan os.Signal // each signal asks for a reload of the configuration
	end            *ending
}

// cli is the command line.
type cli struct {
	settings `group:"Settings of the broker"`

	Standalone standaloneCmd `cmd:"" default:"withargs" aliases:"run" help:"Run the broker (the default): alone, or with a [cluster] section as a node of a cluster."`
	Config     configCmd     `cmd:"" help:"Print the effective configuration as TOML, with where each value came from."`
	Cluster    clusterCmd    `cmd:"" help:"Look at a running cluster, and change who is in it, who holds what and who leads."`
	Metadata   metadataCmd   `cmd:"" help:"Look at, restore or move the metadata of a broker that does not run."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const description = `A message broker that speaks the Kafka protocol: any Kafka client works with it.

Examples:

  chronik-server
      serve on port 9092 with the data in ./data

  chronik-server --listen localhost:9092 --data-dir /var/lib/chronik
      another address and directory

  chronik-server --listen INSIDE=:9092 --listen OUTSIDE=:19092 --advertised-addr OUTSIDE=broker.example.com:19092
      two listeners; clients of OUTSIDE are told the name by which they reach it

  chronik-server --config chronik.toml --set kafka.num.partitions=3 --set flush=os
      settings from a file, some of them otherwise; every key is in configs/standalone.toml

  CHRONIK_DATA_DIR=/data CHRONIK_KAFKA__NUM_PARTITIONS=3 chronik-server
      the same from the environment: CHRONIK_ and the key, two underscores for each dot

  chronik-server config --config chronik.toml
      what would be in effect, and why

  chronik-server cluster status --bootstrap-server node1:9092
      who is in a cluster, and how it is`

// exited ends the program from within kong.
type exited int

// execute runs the command line and returns the exit code: 0, 1 for a failure, 2 for a wrong command line, 3 if it was
// asked to end and could not stop completely.
func execute(ctx context.Context, p process) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			code = int(e)
		default:
			panic(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("chronik-server"), kong.Description(description), kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.Help(help), kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: false, WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&p, &c, &c.settings),
	)
	if err != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v\n", err)
		return 1
	}
	command, err := parser.Parse(p.args)
	if err != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v; chronik-server --help tells more\n", err)
		return 2
	}
	if err := checkSettings(command); err != nil {
		fmt.Fprintf(p.stderr, "chronik-server: %v\n", err)
		return 2
	}
	if err := command.Run(); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintf(p.stderr, "chronik-server: %s\n", line)
		}
		if ctx.Err() != nil && errors.Is(err, wiring.ErrUnfinished) {
			return exitUnfinished
		}
		return 1
	}
	return 0
}

// help prints the help of a command, without flags that have no effect on it.
func help(options kong.HelpOptions, command *kong.Context) error {
	for _, flag := range command.Model.Flags {
		flag.Hidden = flag.Hidden || isSetting(flag) && !takesSettings(command)
	}
	return kong.DefaultHelpPrinter(options, command)
}

// checkSettings refuses settings for a command that takes none. They are flags of the program, so that they may stand
// before the command's name.
func checkSettings(command *kong.Context) error {
	if takesSettings(command) {
		return nil
	}
	for _, part := range command.Path {
		if part.Flag != nil && isSetting(part.Flag) && part.Flag.Name != "raft" {
			return fmt.Errorf("--%s is a setting of the broker, which the command %s does not take",
				part.Flag.Name, command.Command())
		}
	}
	return nil
}

func isSetting(flag *kong.Flag) bool {
	return flag.Group != nil && strings.HasPrefix(flag.Group.Key, "Settings")
}

// takesSettings reports whether a command, or the program without one, uses the settings.
func takesSettings(command *kong.Context) bool {
	node := command.Selected()
	for node != nil && node.Parent != command.Model.Node {
		node = node.Parent
	}
	return node == nil || node.Name != "cluster" && node.Name != "version"
}

// settings are the flags of the commands that read the configuration.
type settings struct {
	ConfigFile     string   `name:"config" placeholder:"FILE" help:"Read settings from a TOML file. Environment: CHRONIK_CONFIG."`
	DataDir        string   `placeholder:"DIR" help:"The directory that holds everything."`
	Listen         []string `sep:"none" placeholder:"[NAME=]HOST:PORT" help:"Serve Kafka clients here. Repeat it for several listeners."`
	AdvertisedAddr []string `sep:"none" placeholder:"[NAME=]HOST:PORT" help:"The address that clients of a listener are told. Without it: the one at which they have arrived, which is wrong behind port mappings, tunnels and NAT."`
	Set            []string `sep:"none" placeholder:"KEY=VALUE" help:"Set any key, such as log_level=debug or kafka.num.partitions=3. Repeatable."`
	Raft           bool     `help:"Has no effect, and is accepted as command lines of clustered brokers have it: a [cluster] section makes a broker a node of a cluster."`
}

// file is the configuration file, "" for none.
func (s *settings) file(environ []string) string {
	if s.ConfigFile != "" {
		return s.ConfigFile
	}
	for _, variable := range environ {
		if value, ok := strings.CutPrefix(variable, configs.ConfigVariable+"="); ok {
			return value
		}
	}
	return ""
}

// load returns the configuration from the command line and the other sources.
func (s *settings) load(environ []string) (*configs.Config, error) {
	flags := make([]configs.Assignment, 0, len(s.Set)+len(s.Listen)+len(s.AdvertisedAddr)+1)
	for _, set := range s.Set {
		key, value, found := strings.Cut(set, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("--set %s: want key=value", set)
		}
		flags = append(flags, configs.Assignment{Key: key, Value: value, Flag: "--set"})
	}
	if s.DataDir != "" {
		flags = append(flags, configs.Assignment{Key: "data_dir", Value: s.DataDir, Flag: "--data-dir"})
	}
	for _, address := range s.Listen {
		flags = append(flags, configs.Assignment{Key: "listen", Value: address, Flag: "--listen"})
	}
	for _, address := range s.AdvertisedAddr {
		flags = append(flags, configs.Assignment{Key: "advertised_addr", Value: address, Flag: "--advertised-addr"})
	}
	cfg, err := configs.Load(configs.Sources{File: s.file(environ), Environ: environ, Flags: flags})
	if err != nil {
		return nil, fmt.Errorf("the configuration is not valid\n%w", err)
	}
	return cfg, nil
}
