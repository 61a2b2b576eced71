"""How much memory a model needs: a sum of parts, each computed from file headers or, before the files are here, from the catalog."""
