"""Maps over chunks of work: in this process, in a pool of processes, or on a Ray cluster."""
