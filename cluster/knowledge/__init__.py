"""What people gave to be found: collections of documents. Rows that the API and the jobs both write, so they stand on the ground floor."""
