"""Compare two OpenAPI documents by what they mean for a client."""
