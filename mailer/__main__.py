"""`python -m mailer`."""

from mailer.cli.main import main

main()
