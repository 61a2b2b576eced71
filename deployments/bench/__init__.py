"""The other side of `./hearth bench`: what Hearth is compared with, each a program of its own that carries an engine."""
