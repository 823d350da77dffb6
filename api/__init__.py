"""The REST door: app factory, views, sign-in, command line. Alone in knowing Flask."""
