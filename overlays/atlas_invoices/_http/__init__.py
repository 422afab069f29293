"""One exchange with the server: send, judge the reply, read its body, retry."""
