"""The wires: sockets, processes, RQ, DNS, clock, configuration, command line."""
