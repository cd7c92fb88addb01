"""Which raw problems are one: pairs of like statements, clusters of them, and what the members of a cluster become."""
