"""One exchange with the server: send, judge the reply, read its body, retry.

Import its modules one by one: `_steps` and `_retry` do without httpx, which is slow to import.
"""
