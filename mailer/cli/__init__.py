"""The command line: one module for each command or group, named after it.

A command parses its options, calls `service`, and prints the result; it has no logic of its own and no SQL. Start with
`main.py`, whose table has all commands; `serve`, `preview` and `demo` are in mailer/web_commands.py,
because they also need `web`.
"""
