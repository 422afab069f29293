"""Read upstream's OpenAPI document, cut it, mend it and make a client of it."""
