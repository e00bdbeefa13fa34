"""The HTTP API: routes, request bodies, problems and security headers."""
