"""What people do with the program, the same for the command line, the desk and the API: one package for each subject.

A module here takes an `App` (mailer/app.py), decides, and returns plans and results as records; it prints nothing and knows no
request. SQL belongs in `mailer.ledger`, pages and routes in `mailer.web`, commands in `mailer.cli`. The layers, bottom up:
`accounts`, `lists` and `webhooks`, then `dispatches`, then `archive` and `sends`, then `subscribers`, then `feedback` and
`transactional`.
Start reading in `sends/plan.py`.
"""
