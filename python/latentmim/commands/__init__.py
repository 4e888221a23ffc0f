"""The commands of the command line, a file each: `add_options` puts options on a parser, `run` does what they say."""
