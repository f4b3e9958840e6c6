"""A pretend Azure OpenAI on a loopback port: real HTTP, real timing, and a truth to check clients against."""
