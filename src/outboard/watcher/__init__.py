"""The process that outlives a worker, to delete what the worker created."""
