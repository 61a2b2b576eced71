"""The stages of ingestion, each a plain function over plain data; pipelines/ingest puts them on Ray."""
