"""What this machine can run, and why not: small checks, each of which says how things stand and what to do about it."""
