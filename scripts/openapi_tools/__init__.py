"""Read upstream's OpenAPI document, cut out our operations, transform them and generate the client."""
