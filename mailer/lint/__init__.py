"""Checks a dispatch without grammar errors: its text, its rendered HTML and plaintext, and its message.

Each check is a function of a LintContext that yields Findings. The grammar of dispatch files is checked in
mailer/dispatch/; what is done with findings (ignoring, confirming) is decided in mailer/service/. Only link_checker.py
uses the network. Start with run.py, which lists the checks, then context.py; rule_catalogue.py has severity, reason and remedy.
"""
