"""mailer: a newsletter desk in text files.

`cli` and `web` take requests and call `service`, which has one function or class for each thing that users do. Then, for a send:
`csv` and `audience` read lists and select subscribers; `ledger`, the database, keeps them and every delivery;
`dispatch` parses a Markdown file, `lint` checks it, and `edition` compiles it once for everybody;
`mime` composes the message of each recipient, `smtp` holds the conversation with a relay;
`delivery` runs the send over several connections; `ledger/queue` records that a message is being sent before its end of DATA.

Imports point one way; pyproject.toml has the layers, and `make check` holds them. Modules at this level are small and used by
several packages. Start with `app.py`, which builds the parts of one process, and docs/architecture.md.
"""

__version__ = "0.2.0"
