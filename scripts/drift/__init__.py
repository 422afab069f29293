"""Compare our operations in two OpenAPI documents by what they mean to a client, however they are written."""
