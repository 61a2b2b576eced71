"""Collections of documents: uploaded here, ingested by a job, found and cited elsewhere."""
