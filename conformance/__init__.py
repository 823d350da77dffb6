"""What it takes to be a client or a server of the sync protocol, and a way to find out."""
