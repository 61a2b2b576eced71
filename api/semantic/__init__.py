"""What texts mean: embedded, compared, cut, classified, weighed, and read for entities and relations."""
